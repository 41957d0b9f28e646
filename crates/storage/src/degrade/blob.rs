//! A blob store that may go down.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::guard::{Guard, Pauses};
use super::kv::or;
use crate::Result;
use crate::blob::{BlobStore, Key, Prefix};

/// Any store, with the answers of [`degrade`](super) while it is down.
#[derive(Debug)]
pub struct DegradingBlob {
    inner: Arc<dyn BlobStore>,
    guard: Arc<Guard>,
}

impl DegradingBlob {
    /// `inner`, guarded.
    pub fn new(inner: Arc<dyn BlobStore>, pauses: Pauses) -> Self {
        let asked = Arc::clone(&inner);
        let guard = Guard::new("blob", inner.backend(), pauses, move || {
            let asked = Arc::clone(&asked);
            async move { asked.health().await }
        });
        Self { inner, guard }
    }

    /// What knows whether it is down.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }
}

#[async_trait]
impl BlobStore for DegradingBlob {
    fn backend(&self) -> &'static str {
        self.inner.backend()
    }

    async fn put(&self, key: &Key, content: Bytes) -> Result<()> {
        self.guard.call("blob.put", self.inner.put(key, content)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        or(self.guard.call("blob.get", self.inner.get(key)).await, None)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        or(self.guard.call("blob.delete", self.inner.delete(key)).await, ())
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>> {
        or(self.guard.call("blob.list", self.inner.list(prefix)).await, Vec::new())
    }

    async fn health(&self) -> Result<()> {
        self.guard.call("blob.health", self.inner.health()).await
    }
}
