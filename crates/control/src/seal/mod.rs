//! How secrets stand in the store: sealed under a master key, or open where there is none.
//!
//! A [`Keyring`] turns a secret into [`Stored`] text and back. What holds: a sealed value opens only
//! under its key and in the place it was made for (its [`Binding`]); every byte of it is vouched for;
//! the two forms of [`Stored`] cannot be taken for each other, whatever a secret looks like. A master
//! key is named by its [`MasterKeyId`], which says nothing of the key. Nothing in here knows a record
//! or a store.
//!
//! A value that was sealed once opens for ever: `fixtures/sealed-0.1.0.json` pins the form, and
//! `docs/concepts/secrets.md` writes it down. Another form gets another number, and this one stays.

mod binding;
mod cipher;
mod envelope;
mod error;
mod keyring;
mod master_key;
mod stored;

pub use binding::Binding;
pub use error::{MasterKeyIds, SealError};
pub use keyring::Keyring;
pub use master_key::{MasterKey, MasterKeyError, MasterKeyId};
pub use stored::{Stored, StoredError};

#[cfg(test)]
mod tests;
