//! Why a secret could not be sealed or opened.

use std::fmt;

use super::{MasterKeyId, StoredError};

/// Why a secret could not be sealed or opened. It names keys by their ids and never shows a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Something is sealed, and there is no master key at all.
    #[error(
        "secrets are sealed under the master key {wanted}, and there is none: set PENSTOCK_MASTER_KEY \
         or PENSTOCK_MASTER_KEY_FILE to that key"
    )]
    NoKey {
        /// What the values say they need.
        wanted: MasterKeyIds,
    },
    /// Something is sealed under a key that is not among those given.
    #[error(
        "secrets are sealed under the master key {wanted}, and the key given is {given}: give the former \
         as PENSTOCK_MASTER_KEY, or as PENSTOCK_MASTER_KEY_PREVIOUS beside a newer one"
    )]
    UnknownKey {
        /// What the values say they need.
        wanted: MasterKeyIds,
        /// What there is, the current key first.
        given: MasterKeyIds,
    },
    /// The store was sealed under another key while this process ran.
    #[error(
        "the stored secrets were sealed under the master key {wanted} meanwhile, which this process does not have: \
         restart it with that key, and store the secret then"
    )]
    Rotated {
        /// What the values say they need.
        wanted: MasterKeyIds,
    },
    /// The key is there, and the value does not open: a byte of it was changed, or it was sealed for
    /// another place.
    #[error(
        "the sealed value in {place} does not open: it was changed, or copied from another row; set the \
         secret again, or restore the row from a backup"
    )]
    Tampered {
        /// Table, row and column.
        place: String,
    },
    /// Not a stored secret.
    #[error(transparent)]
    Malformed(#[from] StoredError),
    /// The operating system gives no random bytes.
    #[error("no random bytes from the operating system: {0}")]
    NoRandom(String),
}

impl SealError {
    /// What it means to a process that could open everything when it started.
    pub(crate) fn meanwhile(self) -> Self {
        match self {
            Self::NoKey { wanted } | Self::UnknownKey { wanted, .. } => Self::Rotated { wanted },
            other => other,
        }
    }
}

/// Ids of master keys, shown with commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyIds(pub Vec<MasterKeyId>);

impl fmt::Display for MasterKeyIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.0.iter().enumerate() {
            write!(f, "{}{id}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
