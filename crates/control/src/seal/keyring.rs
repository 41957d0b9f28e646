//! The keys at hand, and what they do.

use std::collections::BTreeSet;

use penstock_core::Secret;

use super::cipher::{Key, decrypt, encrypt, random};
use super::envelope::Envelope;
use super::{Binding, MasterKey, MasterKeyId, MasterKeyIds, SealError, Stored, StoredError};

/// What a data key is sealed for, and what a secret is. With the place, they are bound into the seal.
const DATA_KEY: &str = "penstock sealed data key 1";
const SECRET: &str = "penstock sealed secret 1";

/// What a sealed file begins with, and an open one.
const SEALED_FILE: &[u8] = b"penstock sealed 1\n";
const OPEN_FILE: &[u8] = b"penstock open 1\n";

/// The master key that seals, and those that only open, while their values are sealed anew. Without a
/// master key it is in plaintext mode: secrets are stored open.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    current: Option<MasterKey>,
    previous: Vec<MasterKey>,
}

impl Keyring {
    /// The one that seals nothing.
    pub fn plaintext() -> Self {
        Self::default()
    }

    /// Seals under `current`; opens what is sealed under any of the keys.
    pub fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self { current: Some(current), previous }
    }

    /// Seals under a new key, and opens what those of `older` do.
    pub fn succeeding(current: MasterKey, older: &Self) -> Self {
        Self { current: Some(current), previous: older.keys().cloned().collect() }
    }

    /// The key that seals; none in plaintext mode.
    pub fn current(&self) -> Option<MasterKeyId> {
        self.current.as_ref().map(MasterKey::id)
    }

    /// Whether everything that is sealed under `wanted` could be opened. A gateway asks at start, of all
    /// values in its store, and does not start with half of its secrets.
    pub fn check(&self, wanted: impl IntoIterator<Item = MasterKeyId>) -> Result<(), SealError> {
        let missing: BTreeSet<_> = wanted.into_iter().filter(|id| self.get(*id).is_none()).collect();
        if missing.is_empty() { Ok(()) } else { Err(self.missing(missing.into_iter().collect())) }
    }

    /// Seals a secret for its place, under a data key of its own; in plaintext mode it stays open.
    pub fn seal(&self, secret: &Secret<String>, place: &Binding<'_>) -> Result<Stored, SealError> {
        match &self.current {
            Some(key) => Ok(Stored::sealed(&enclose(key, secret.expose().as_bytes(), place)?)),
            None => Ok(Stored::open(secret)),
        }
    }

    /// Opens a secret in its place. One that is stored open is returned as it is, also where there is a
    /// master key.
    pub fn open(&self, stored: &Stored, place: &Binding<'_>) -> Result<Secret<String>, SealError> {
        if let Some(plain) = stored.plain() {
            return Ok(Secret::new(plain.to_owned()));
        }
        let opened = self.disclose(&stored.envelope()?, place)?;
        let text = std::str::from_utf8(opened.expose()).map_err(|_| StoredError::NotText)?;
        Ok(Secret::new(text.to_owned()))
    }

    /// The same secret under the current key; none if there is nothing to do. What is sealed under a
    /// previous key keeps its ciphertext, and only its data key is sealed anew; what is open is sealed.
    pub fn rewrap(&self, stored: &Stored, place: &Binding<'_>) -> Result<Option<Stored>, SealError> {
        if stored.key_id() == self.current() {
            return Ok(None);
        }
        let Some(current) = &self.current else {
            return Err(self.missing(stored.key_id().into_iter().collect()));
        };
        if let Some(plain) = stored.plain() {
            return Ok(Some(Stored::sealed(&enclose(current, plain.as_bytes(), place)?)));
        }
        let envelope = stored.envelope()?;
        let data_key = self.unwrap(&envelope, place)?;
        let wrapped = wrap(current, &data_key, place)?;
        Ok(Some(Stored::sealed(&Envelope { key: current.id(), wrapped, body: envelope.body })))
    }

    /// [`Keyring::seal`] for the content of a file. It is held in memory as a whole.
    pub fn seal_bytes(&self, content: &[u8], place: &Binding<'_>) -> Result<Vec<u8>, SealError> {
        match &self.current {
            Some(key) => Ok([SEALED_FILE, &enclose(key, content, place)?.to_bytes()].concat()),
            None => Ok([OPEN_FILE, content].concat()),
        }
    }

    /// Opens what [`Keyring::seal_bytes`] made.
    pub fn open_bytes(&self, stored: &[u8], place: &Binding<'_>) -> Result<Secret<Vec<u8>>, SealError> {
        if let Some(content) = stored.strip_prefix(OPEN_FILE) {
            return Ok(Secret::new(content.to_vec()));
        }
        let envelope = stored.strip_prefix(SEALED_FILE).ok_or(StoredError::File)?;
        self.disclose(&Envelope::from_bytes(envelope)?, place)
    }

    fn disclose(&self, envelope: &Envelope, place: &Binding<'_>) -> Result<Secret<Vec<u8>>, SealError> {
        let data_key = self.unwrap(envelope, place)?;
        decrypt(&data_key, &envelope.body, &place.associated(SECRET)).ok_or_else(|| tampered(place))
    }

    fn unwrap(&self, envelope: &Envelope, place: &Binding<'_>) -> Result<Key, SealError> {
        let master = self.get(envelope.key).ok_or_else(|| self.missing(vec![envelope.key]))?;
        decrypt(&master.wrapping(), &envelope.wrapped, &place.associated(DATA_KEY))
            .and_then(|key| Some(Secret::new(key.expose().as_slice().try_into().ok()?)))
            .ok_or_else(|| tampered(place))
    }

    fn get(&self, id: MasterKeyId) -> Option<&MasterKey> {
        self.keys().find(|key| key.id() == id)
    }

    fn keys(&self) -> impl Iterator<Item = &MasterKey> {
        self.current.iter().chain(&self.previous)
    }

    fn missing(&self, wanted: Vec<MasterKeyId>) -> SealError {
        let wanted = MasterKeyIds(wanted);
        let given: Vec<_> = self.keys().map(MasterKey::id).collect();
        if given.is_empty() {
            SealError::NoKey { wanted }
        } else {
            SealError::UnknownKey { wanted, given: MasterKeyIds(given) }
        }
    }
}

fn enclose(master: &MasterKey, content: &[u8], place: &Binding<'_>) -> Result<Envelope, SealError> {
    let data_key = Secret::new(random()?);
    let wrapped = wrap(master, &data_key, place)?;
    let body = encrypt(&data_key, content, &place.associated(SECRET))?;
    Ok(Envelope { key: master.id(), wrapped, body })
}

fn wrap(master: &MasterKey, data_key: &Key, place: &Binding<'_>) -> Result<Vec<u8>, SealError> {
    encrypt(&master.wrapping(), data_key.expose(), &place.associated(DATA_KEY))
}

fn tampered(place: &Binding<'_>) -> SealError {
    SealError::Tampered { place: place.to_string() }
}
