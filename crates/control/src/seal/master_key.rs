//! The key that seals the data keys, and the id that names it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use penstock_core::Secret;

use super::SealError;
use super::cipher::{Key, random};

/// Contexts of BLAKE3's key derivation. They are part of the form of sealed values: never to be changed.
const ID: &str = "penstock 2026-11-21 id of a master key";
const WRAPPING: &str = "penstock 2026-11-21 wrapping of data keys";

const LENGTH: usize = 32;

/// 32 secret bytes. `Debug` shows the id alone, and the memory is wiped.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Secret<[u8; LENGTH]>,
    id: MasterKeyId,
}

/// What names a master key in sealed values, errors and logs: 64 bits that are derived from the key and
/// say nothing of it. Shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MasterKeyId(pub(super) u64);

/// Why a text is not a master key. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes in standard base64, 44 characters of which the last is `=`, found {}", self.found())]
pub enum MasterKeyError {
    /// Nothing but white space.
    Empty,
    /// Standard base64, but of this many bytes.
    Length(usize),
    /// Standard base64 of this many bytes, without the `=` at its end.
    Unpadded(usize),
    /// URL-safe base64 of this many bytes.
    UrlSafe(usize),
    /// Hex digits of this many bytes.
    Hex(usize),
    /// Something else, of this many bytes.
    NotBase64(usize),
}

impl MasterKeyError {
    fn found(self) -> String {
        match self {
            Self::Empty => "nothing".to_owned(),
            Self::Length(bytes) => format!("{bytes} bytes in base64"),
            Self::Unpadded(bytes) => format!("{bytes} bytes in base64 without the `=` at its end"),
            Self::UrlSafe(bytes) => format!("{bytes} bytes in URL-safe base64, which has `-` and `_`"),
            Self::Hex(bytes) => format!("{bytes} bytes in hex digits"),
            Self::NotBase64(bytes) => format!("a text of {bytes} bytes that is not base64"),
        }
    }
}

impl MasterKey {
    /// Reads standard base64 of exactly 32 bytes; white space around it does not matter.
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let bytes = Secret::new(STANDARD.decode(text).unwrap_or_default());
        match <[u8; LENGTH]>::try_from(bytes.expose().as_slice()) {
            Ok(bytes) => Ok(Self::of(Secret::new(bytes))),
            Err(_) => Err(diagnose(text)),
        }
    }

    /// A new one from the operating system's random source.
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self::of(Secret::new(random()?)))
    }

    /// The text that [`MasterKey::from_base64`] reads, for the file or the terminal that it is made for.
    pub fn to_base64(&self) -> Secret<String> {
        Secret::new(STANDARD.encode(self.bytes.expose()))
    }

    /// What names it.
    pub fn id(&self) -> MasterKeyId {
        self.id
    }

    /// The key that seals data keys. The master key itself encrypts nothing, so that it can have other
    /// uses later.
    pub(super) fn wrapping(&self) -> Key {
        Secret::new(blake3::derive_key(WRAPPING, self.bytes.expose()))
    }

    fn of(bytes: Secret<[u8; LENGTH]>) -> Self {
        let derived = blake3::derive_key(ID, bytes.expose());
        let (id, _) = derived.split_first_chunk().expect("32 bytes have a first eight");
        Self { id: MasterKeyId(u64::from_be_bytes(*id)), bytes }
    }
}

/// What stands in place of a key, for those who made it with another tool.
fn diagnose(text: &str) -> MasterKeyError {
    if text.is_empty() {
        return MasterKeyError::Empty;
    }
    // before base64: hex digits are base64 as well
    if text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return MasterKeyError::Hex(text.len() / 2);
    }
    let length = |decoded: Result<Vec<u8>, _>| decoded.ok().map(|bytes| Secret::new(bytes).expose().len());
    if let Some(bytes) = length(STANDARD.decode(text)) {
        return MasterKeyError::Length(bytes);
    }
    if let Some(bytes) = length(STANDARD_NO_PAD.decode(text)) {
        return MasterKeyError::Unpadded(bytes);
    }
    if let Some(bytes) = length(URL_SAFE_NO_PAD.decode(text.trim_end_matches('='))) {
        return MasterKeyError::UrlSafe(bytes);
    }
    MasterKeyError::NotBase64(text.len())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

impl MasterKeyId {
    /// Reads 16 hex digits in small letters, the one spelling that is shown.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeyId({self})")
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;

    use super::*;

    #[test]
    fn a_master_key_is_read_written_and_named() {
        let made = MasterKey::generate().unwrap();
        let text = made.to_base64();
        assert_eq!(text.expose().len(), 44);
        for text in [text.expose().clone(), format!(" {}\r\n", text.expose())] {
            let read = MasterKey::from_base64(&text).unwrap();
            assert_eq!((read.id(), read.to_base64()), (made.id(), made.to_base64()));
        }
        assert_ne!(MasterKey::generate().unwrap().id(), made.id());
        assert_eq!(made.id().to_string().len(), 16);
    }

    #[test]
    fn what_is_no_master_key_is_refused_by_what_it_is() {
        let hex = |bytes: usize| "fb".repeat(bytes);
        let cases = [
            (String::new(), MasterKeyError::Empty),
            (" \n".to_owned(), MasterKeyError::Empty),
            (STANDARD.encode([0xfb; 31]), MasterKeyError::Length(31)),
            (STANDARD.encode([0xfb; 33]), MasterKeyError::Length(33)),
            (STANDARD.encode([0xfb; 64]), MasterKeyError::Length(64)),
            (STANDARD.encode([0xfb; 32]).replace('=', ""), MasterKeyError::Unpadded(32)),
            (URL_SAFE.encode([0xfb; 32]), MasterKeyError::UrlSafe(32)),
            (URL_SAFE_NO_PAD.encode([0xfb; 31]), MasterKeyError::UrlSafe(31)),
            (hex(32), MasterKeyError::Hex(32)),
            (hex(16).to_uppercase(), MasterKeyError::Hex(16)),
            ("correct horse battery staple".to_owned(), MasterKeyError::NotBase64(28)),
            (format!("{0}\n{0}", STANDARD.encode([0xfb; 16])), MasterKeyError::NotBase64(49)),
            // the last four bits before the padding stand for nothing, and must be zero
            (STANDARD.encode([0xfb; 32]).replace("s=", "t="), MasterKeyError::NotBase64(44)),
            (format!("\"{}\"", STANDARD.encode([0xfb; 32])), MasterKeyError::NotBase64(46)),
        ];
        for (text, expected) in cases {
            let error = MasterKey::from_base64(&text).unwrap_err();
            assert_eq!(error, expected, "{text:?}");
            assert!(text.trim().is_empty() || !error.to_string().contains(text.trim()), "{error}");
        }
    }
}
