//! Blobs in this process, for tests and for parts that are tried out: the contract in its simplest form.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{BlobStore, Key, Prefix};
use crate::Result;

/// Blobs that are gone when this is dropped.
#[derive(Debug, Default)]
pub struct MemoryBlob(Mutex<BTreeMap<String, Bytes>>);

impl MemoryBlob {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn blobs(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        // no step in between leaves the map half changed
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlobStore for MemoryBlob {
    fn backend(&self) -> &'static str {
        "memory"
    }

    async fn put(&self, key: &Key, content: Bytes) -> Result<()> {
        self.blobs().insert(key.as_str().to_owned(), content);
        Ok(())
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        Ok(self.blobs().get(key.as_str()).cloned())
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.blobs().remove(key.as_str());
        Ok(())
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>> {
        let blobs = self.blobs();
        let from = blobs.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        let from = from.map(|(key, _)| key);
        Ok(from.take_while(|key| key.starts_with(prefix.as_str())).cloned().collect())
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }
}
