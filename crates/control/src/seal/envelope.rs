//! The parts of a sealed value, as text for a column and as bytes for a file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cipher::OVERHEAD;
use super::{MasterKeyId, StoredError};

/// The data key, as the master key has sealed it.
const WRAPPED: usize = 32 + OVERHEAD;

/// The secret under a data key of its own, and that data key under a master key.
pub(super) struct Envelope {
    /// The master key that is needed.
    pub(super) key: MasterKeyId,
    /// The sealed data key: nonce, ciphertext, tag.
    pub(super) wrapped: Vec<u8>,
    /// The sealed secret: nonce, ciphertext, tag.
    pub(super) body: Vec<u8>,
}

impl Envelope {
    /// `<key id>:<wrapped>:<body>`, the latter two in base64url without padding.
    pub(super) fn to_text(&self) -> String {
        let Self { key, wrapped, body } = self;
        format!("{key}:{}:{}", URL_SAFE_NO_PAD.encode(wrapped), URL_SAFE_NO_PAD.encode(body))
    }

    /// Reads [`Envelope::to_text`], and accepts no other spelling of it.
    pub(super) fn from_text(text: &str) -> Result<Self, StoredError> {
        let mut parts = text.split(':');
        let mut part = || parts.next().unwrap_or_default();
        let (key, wrapped, body) = (part(), part(), part());
        if parts.next().is_some() {
            return Err(StoredError::Body);
        }
        let key = MasterKeyId::from_hex(key).ok_or(StoredError::KeyId)?;
        let wrapped = URL_SAFE_NO_PAD.decode(wrapped).map_err(|_| StoredError::WrappedKey)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| StoredError::Body)?;
        Self { key, wrapped, body }.of_sound_length()
    }

    /// The same parts without separators; those before the last have a length that is known.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [&self.key.0.to_be_bytes(), self.wrapped.as_slice(), self.body.as_slice()].concat()
    }

    /// Reads [`Envelope::to_bytes`].
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StoredError> {
        let (key, rest) = bytes.split_first_chunk().ok_or(StoredError::KeyId)?;
        let (wrapped, body) = rest.split_at_checked(WRAPPED).ok_or(StoredError::WrappedKey)?;
        let key = MasterKeyId(u64::from_be_bytes(*key));
        Self { key, wrapped: wrapped.to_vec(), body: body.to_vec() }.of_sound_length()
    }

    fn of_sound_length(self) -> Result<Self, StoredError> {
        if self.wrapped.len() != WRAPPED {
            return Err(StoredError::WrappedKey);
        }
        if self.body.len() < OVERHEAD {
            return Err(StoredError::Body);
        }
        Ok(self)
    }
}
