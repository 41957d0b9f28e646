//! User keys: how they are made, and the digest that is all the store keeps of them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use penstock_core::Secret;

/// What every key of this gateway starts with. A text with this prefix is never sent to a provider.
pub const KEY_PREFIX: &str = "sk-pen-";

/// BLAKE3 of a whole key. Keys carry 256 random bits, so a slow hash would add nothing; comparing
/// two digests takes constant time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(blake3::Hash);

/// A text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key digest: expected 64 hex digits, found {0:?}")]
pub struct KeyDigestError(String);

impl KeyDigest {
    /// The digest of `key`.
    pub fn of(key: &str) -> Self {
        Self(blake3::hash(key.as_bytes()))
    }

    /// The first hex digits: enough to tell tenants apart, useless to find the key.
    pub fn short(&self) -> String {
        let mut hex = self.0.to_hex().to_string();
        hex.truncate(16);
        hex
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({}…)", self.short())
    }
}

impl FromStr for KeyDigest {
    type Err = KeyDigestError;

    fn from_str(text: &str) -> Result<Self, KeyDigestError> {
        blake3::Hash::from_hex(text).map(Self).map_err(|_| KeyDigestError(text.to_owned()))
    }
}

/// A new key from the operating system's random source: the key itself, which is shown once, and
/// the first characters by which a list can name it.
pub fn generate_key() -> Result<(Secret<String>, String), getrandom::Error> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random)?;
    let key = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let shown = key.chars().take(KEY_PREFIX.len() + 6).collect();
    Ok((Secret::new(key), shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_distinct_and_url_safe() {
        let (first, shown) = generate_key().unwrap();
        let (second, _) = generate_key().unwrap();
        assert_ne!(first.expose(), second.expose());
        assert_eq!(first.expose().len(), KEY_PREFIX.len() + 43);
        assert!(first.expose().starts_with(&shown) && shown.len() == 13);
        assert!(first.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }

    #[test]
    fn digests_read_back_and_hide() {
        let digest = KeyDigest::of("sk-pen-x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(format!("{digest:?}").len(), "KeyDigest()".len() + 16 + '…'.len_utf8());
        assert!("zz".parse::<KeyDigest>().is_err());
    }
}
