//! Blobs: whole files by name.

pub mod fs;
mod key;
pub mod memory;
#[cfg(feature = "s3")]
pub mod s3;
pub mod settings;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

pub use key::{KEY_LIMIT, Key, Prefix};

use crate::Result;

/// A store of files.
#[async_trait]
pub trait BlobStore: fmt::Debug + Send + Sync {
    /// Which backend it is, such as `s3`.
    fn backend(&self) -> &'static str;

    /// Writes a blob: a reader sees the old one or the new one, and it is durable when this returns.
    async fn put(&self, key: &Key, content: Bytes) -> Result<()>;

    /// The blob, if there is one.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>>;

    /// Removes the blob, if there is one.
    async fn delete(&self, key: &Key) -> Result<()>;

    /// All keys that start with `prefix`, sorted by bytes.
    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>>;

    /// Asks the backend whether it works.
    async fn health(&self) -> Result<()>;
}
