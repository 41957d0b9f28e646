//! User keys: how they are made, and the digest that is all the store keeps of them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use penstock_core::Secret;
use sha2::{Digest, Sha256};

/// What every key of this gateway starts with. A text with this prefix is never sent to a provider.
pub const KEY_PREFIX: &str = "sk-pen-";

/// How a digest was made of a key. Keys of this gateway have the first; the others are those of keys
/// that were made elsewhere, where only the digest is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestAlgorithm {
    /// BLAKE3 of the whole key. Its digests are written without a tag.
    Blake3,
    /// BLAKE3 of the key without `sk-` before it; of the whole key, if it has none. Tag `blake3-bare:`.
    Blake3Bare,
    /// SHA-256 of the whole key. Tag `sha256:`.
    Sha256,
}

impl DigestAlgorithm {
    const ALL: [Self; 3] = [Self::Blake3, Self::Blake3Bare, Self::Sha256];

    fn tag(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3:",
            Self::Blake3Bare => "blake3-bare:",
            Self::Sha256 => "sha256:",
        }
    }
}

/// 256 bits that stand for a whole key, and how they were made of it. Keys carry as many random bits, so
/// a slow hash would add nothing; comparing two digests takes constant time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest {
    algorithm: DigestAlgorithm,
    // 32 bytes that are compared in constant time, whichever algorithm they come from
    hash: blake3::Hash,
}

/// A text that is not a digest. It is not quoted, since it may be a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a key digest: expected 64 hex digits, alone or after `blake3:`, `blake3-bare:` or `sha256:`, found \
     {found} characters of another kind"
)]
pub struct KeyDigestError {
    found: usize,
}

impl KeyDigest {
    /// The digest of `key`, as keys of this gateway have it.
    pub fn of(key: &str) -> Self {
        Self::by(DigestAlgorithm::Blake3, key)
    }

    /// The digest of `key` by this algorithm.
    pub fn by(algorithm: DigestAlgorithm, key: &str) -> Self {
        let hash = match algorithm {
            DigestAlgorithm::Blake3 => blake3::hash(key.as_bytes()),
            DigestAlgorithm::Blake3Bare => blake3::hash(key.strip_prefix("sk-").unwrap_or(key).as_bytes()),
            DigestAlgorithm::Sha256 => blake3::Hash::from_bytes(Sha256::digest(key.as_bytes()).into()),
        };
        Self { algorithm, hash }
    }

    /// All digests under which a presented key may be known, the usual one first. Where no imported key
    /// is known, [`KeyDigest::of`] alone will do.
    pub fn candidates(presented: &str) -> [Self; 3] {
        DigestAlgorithm::ALL.map(|algorithm| Self::by(algorithm, presented))
    }

    /// How it was made.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The first hex digits: enough to tell tenants apart, useless to find the key.
    pub fn short(&self) -> String {
        let mut hex = self.hash.to_hex().to_string();
        hex.truncate(16);
        hex
    }
}

/// By its bytes: where a digest stands in an order says nothing of the key.
impl Ord for KeyDigest {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let bytes = |digest: &Self| (*digest.hash.as_bytes(), digest.algorithm);
        bytes(self).cmp(&bytes(other))
    }
}

impl PartialOrd for KeyDigest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// 64 hex digits, after a tag if the algorithm is not the usual one: 76 characters at the most.
impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.algorithm != DigestAlgorithm::Blake3 {
            f.write_str(self.algorithm.tag())?;
        }
        f.write_str(&self.hash.to_hex())
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = if self.algorithm == DigestAlgorithm::Blake3 { "" } else { self.algorithm.tag() };
        write!(f, "KeyDigest({tag}{}…)", self.short())
    }
}

impl FromStr for KeyDigest {
    type Err = KeyDigestError;

    fn from_str(text: &str) -> Result<Self, KeyDigestError> {
        let tagged = DigestAlgorithm::ALL
            .into_iter()
            .find_map(|algorithm| Some((algorithm, text.strip_prefix(algorithm.tag())?)));
        let (algorithm, hex) = tagged.unwrap_or((DigestAlgorithm::Blake3, text));
        let hash = blake3::Hash::from_hex(hex).map_err(|_| KeyDigestError { found: text.chars().count() })?;
        Ok(Self { algorithm, hash })
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
    use std::collections::HashSet;

    use proptest::prelude::*;

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

    #[test]
    fn a_digest_of_the_usual_kind_is_written_as_ever() {
        let known = "a3adaa8a562f1c379ddaa48e5b47701b5a348bb9527d856b00681168b638fb0e";
        assert_eq!(KeyDigest::of("sk-pen-x").to_string(), known);
    }

    #[test]
    fn what_is_no_digest_is_refused_without_being_quoted() {
        let sound = KeyDigest::by(DigestAlgorithm::Sha256, "sk-abc").to_string();
        let cases = [
            "",
            "sk-pen-QUOTEDNOWHERE",
            "md5:900150983cd24fb0d6963f7d28e17f72",
            &sound.replace("sha256:", "sha512:"),
            &sound.replace("sha256:", "SHA256:"),
            &sound.replace("sha256:", "sha256:blake3:"),
            &sound[..sound.len() - 1],
            &format!("{sound}0"),
            &format!(" {sound}"),
        ];
        for text in cases {
            assert_ne!(text, sound);
            let error = text.parse::<KeyDigest>().unwrap_err();
            assert_eq!(error, KeyDigestError { found: text.len() }, "{text}");
            assert!(!error.to_string().contains("QUOTED"));
        }
    }

    #[test]
    fn an_imported_key_is_found_among_the_candidates() {
        // made with other implementations of BLAKE3 and SHA-256
        let imported = [
            "c12a3d0e5207c48606f42a3631b7131505d9743b4d7f698ad91fd92147e92888",
            "blake3-bare:b753d96a480248ac86c4041b63382cf91e2f1b62c0e03867c8cf103eb09ce36c",
            "sha256:9418b81169b79003fd8c4481e61b79a762e996a0c172cda188c927714b5ee05b",
        ];
        let candidates = KeyDigest::candidates("sk-live-123");
        for (text, candidate) in imported.into_iter().zip(candidates) {
            assert_eq!(text.parse(), Ok(candidate), "{text}");
            assert_eq!(candidate.to_string(), text);
        }
        assert_eq!(candidates[0], KeyDigest::of("sk-live-123"));
    }

    #[test]
    fn the_same_bits_by_another_algorithm_are_another_digest() {
        // without `sk-` both are the BLAKE3 of the same text
        let [whole, bare, _] = KeyDigest::candidates("live-123");
        assert_eq!(whole.short(), bare.short());
        assert_ne!(whole, bare);
        assert_ne!(whole.to_string(), bare.to_string());
    }

    proptest! {
        #[test]
        fn candidates_read_back_and_differ(key in ".*", other in ".*") {
            let candidates = KeyDigest::candidates(&key);
            prop_assert_eq!(candidates.into_iter().collect::<HashSet<_>>().len(), 3);
            for candidate in candidates {
                let text = candidate.to_string();
                prop_assert!(text.len() <= 76);
                prop_assert_eq!(text.parse(), Ok(candidate));
                prop_assert_eq!(KeyDigest::by(candidate.algorithm(), &key), candidate);
                prop_assert_eq!(KeyDigest::of(&other) == candidate, other == key && candidate == candidates[0]);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(blake3:|blake3-bare:|sha256:|)[0-9a-fA-F]{60,66}|.*") {
            if let Ok(digest) = text.parse::<KeyDigest>() {
                prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            }
        }
    }
}
