//! A secret as it stands in a row.

use std::fmt;

use penstock_core::Secret;

use super::MasterKeyId;
use super::envelope::Envelope;

/// What a sealed value begins with. The number is that of the form.
const SEALED: &str = "sealed:1:";
/// What the beginning has in common in all forms that are sealed.
const ANY_SEALED: &str = "sealed:";
/// What an open value begins with; the secret follows as it is.
const OPEN: &str = "open:";

/// The text of a secret column: sealed, or open where there is no master key. It has no `Display` and
/// no `Serialize`, its `Debug` shows the form alone, and its memory is wiped, since it may be open.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    text: Secret<String>,
    key: Option<MasterKeyId>,
}

/// Why a text is not a stored secret. It never quotes the text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Neither form.
    #[error("not a stored secret: expected it to begin with \"{SEALED}\" or \"{OPEN}\"")]
    Form,
    /// Not a file that the seal has made.
    #[error("not a stored file: expected it to begin with \"penstock sealed 1\" or \"penstock open 1\"")]
    File,
    /// A form of another version.
    #[error("a sealed value of form {0}: this version reads form 1, a newer one may read it")]
    Version(u16),
    /// The master key's id.
    #[error("a broken sealed value: expected the master key's id, 16 hex digits in small letters")]
    KeyId,
    /// The data key.
    #[error("a broken sealed value: expected the sealed data key, 72 bytes in base64url")]
    WrappedKey,
    /// What is sealed.
    #[error("a broken sealed value: expected what is sealed at its end, at least 40 bytes in base64url")]
    Body,
    /// Bytes were sealed, and text is asked for.
    #[error("the sealed value opens, but holds bytes that are no text in UTF-8")]
    NotText,
}

impl Stored {
    /// Reads the text of a column. What is sealed is checked in form only; opening it checks the rest.
    pub fn parse(text: String) -> Result<Self, StoredError> {
        let text = Secret::new(text);
        let key = match text.expose().strip_prefix(ANY_SEALED) {
            Some(rest) => Some(Self::envelope_in(rest)?.key),
            None if text.expose().starts_with(OPEN) => None,
            None => return Err(StoredError::Form),
        };
        Ok(Self { text, key })
    }

    /// The text for the column. It may hold the secret in the open: it belongs into the store and
    /// nowhere else.
    pub fn as_str(&self) -> &str {
        self.text.expose()
    }

    /// Whether a master key is needed to open it.
    pub fn is_sealed(&self) -> bool {
        self.key.is_some()
    }

    /// The master key it was sealed under; none if it is open.
    pub fn key_id(&self) -> Option<MasterKeyId> {
        self.key
    }

    /// Whether both hold the same secret although they may be sealed under different keys: what is encrypted under
    /// the data key is the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self.envelope(), other.envelope()) {
            (Ok(one), Ok(other)) => one.body == other.body,
            _ => self == other,
        }
    }

    pub(super) fn open(secret: &Secret<String>) -> Self {
        // in one piece, so that no copy of the secret is left in a buffer that grew
        Self { text: Secret::new([OPEN, secret.expose()].concat()), key: None }
    }

    pub(super) fn sealed(envelope: &Envelope) -> Self {
        let text = Secret::new(format!("{SEALED}{}", envelope.to_text()));
        Self { text, key: Some(envelope.key) }
    }

    /// The secret itself, if it is open.
    pub(super) fn plain(&self) -> Option<&str> {
        self.as_str().strip_prefix(OPEN)
    }

    pub(super) fn envelope(&self) -> Result<Envelope, StoredError> {
        Self::envelope_in(self.as_str().strip_prefix(ANY_SEALED).ok_or(StoredError::Form)?)
    }

    fn envelope_in(rest: &str) -> Result<Envelope, StoredError> {
        let (version, rest) = rest.split_once(':').ok_or(StoredError::Form)?;
        match version {
            "1" => Envelope::from_text(rest),
            _ => Err(version
                .parse()
                .ok()
                .filter(|form| *form > 1)
                .map_or(StoredError::Form, StoredError::Version)),
        }
    }
}

/// A secret that is on its way into the store, which seals it where there is a master key.
impl From<&Secret<String>> for Stored {
    fn from(secret: &Secret<String>) -> Self {
        Self::open(secret)
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(f, "Stored(sealed under {key})"),
            None => f.write_str("Stored(open)"),
        }
    }
}
