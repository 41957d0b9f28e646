//! What a running gateway has opened, so that it goes on when another process seals its secrets under a master key
//! that it does not have.

use std::collections::BTreeMap;

use penstock_core::Secret;

use super::{HeldSecret, Kind};
use crate::seal::{Keyring, SealError, Stored};

/// The secrets that were opened, each with how it stood in the store.
#[derive(Debug, Default)]
pub struct Opened(BTreeMap<(Kind, i64, &'static str), (Stored, Secret<String>)>);

impl Opened {
    /// Opens a secret, and keeps it. One that is sealed under a key which is not at hand is what it was `before`, if
    /// only its data key was sealed anew: then it is the same secret, since what is encrypted under that key is the
    /// same.
    pub fn open(
        &mut self,
        held: &HeldSecret,
        keyring: &Keyring,
        before: &Self,
    ) -> Result<Secret<String>, SealError> {
        let place = (held.kind, held.id, held.field);
        let secret = match (held.open(keyring), before.0.get(&place)) {
            (Err(SealError::UnknownKey { .. }), Some((stored, secret))) if stored.is_same(&held.stored) => {
                secret.clone()
            }
            (opened, _) => opened?,
        };
        self.0.insert(place, (held.stored.clone(), secret.clone()));
        Ok(secret)
    }
}
