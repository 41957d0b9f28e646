//! A namespace of its own for one module: the same stores, with the module's name before every key.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;
use crate::blob::{self, BlobStore, Prefix};
use crate::kv::{self, Keep, KvStore, Remaining, Ttl};

/// Keys and values of one module.
#[derive(Debug)]
pub(crate) struct IsolatedKv {
    inner: Arc<dyn KvStore>,
    prefix: String,
}

impl IsolatedKv {
    pub(crate) fn new(inner: Arc<dyn KvStore>, name: &str) -> Result<Self> {
        let prefix = format!("module:{name}:");
        kv::Key::new(prefix.as_str())?;
        Ok(Self { inner, prefix })
    }

    fn key(&self, key: &kv::Key) -> Result<kv::Key> {
        kv::Key::new(format!("{}{key}", self.prefix))
    }
}

#[async_trait]
impl KvStore for IsolatedKv {
    fn backend(&self) -> &'static str {
        self.inner.backend()
    }

    async fn get(&self, key: &kv::Key) -> Result<Option<String>> {
        self.inner.get(&self.key(key)?).await
    }

    async fn set(&self, key: &kv::Key, value: &str, ttl: Ttl, keep: Keep) -> Result<()> {
        self.inner.set(&self.key(key)?, value, ttl, keep).await
    }

    async fn set_nx(&self, key: &kv::Key, value: &str, ttl: Ttl) -> Result<bool> {
        self.inner.set_nx(&self.key(key)?, value, ttl).await
    }

    async fn del(&self, key: &kv::Key) -> Result<()> {
        self.inner.del(&self.key(key)?).await
    }

    async fn ttl(&self, key: &kv::Key) -> Result<Remaining> {
        self.inner.ttl(&self.key(key)?).await
    }

    async fn incr(&self, key: &kv::Key, by: i64, ttl: Ttl) -> Result<i64> {
        self.inner.incr(&self.key(key)?, by, ttl).await
    }

    async fn cas(&self, key: &kv::Key, expected: Option<&str>, value: &str, ttl: Ttl) -> Result<bool> {
        self.inner.cas(&self.key(key)?, expected, value, ttl).await
    }

    async fn health(&self) -> Result<()> {
        self.inner.health().await
    }
}

/// Files of one module.
#[derive(Debug)]
pub(crate) struct IsolatedBlob {
    inner: Arc<dyn BlobStore>,
    folder: String,
}

impl IsolatedBlob {
    pub(crate) fn new(inner: Arc<dyn BlobStore>, name: &str) -> Result<Self> {
        blob::Key::new(name)?;
        Ok(Self { inner, folder: format!("modules/{name}/") })
    }

    fn key(&self, key: &blob::Key) -> Result<blob::Key> {
        blob::Key::new(format!("{}{key}", self.folder))
    }
}

#[async_trait]
impl BlobStore for IsolatedBlob {
    fn backend(&self) -> &'static str {
        self.inner.backend()
    }

    async fn put(&self, key: &blob::Key, content: Bytes) -> Result<()> {
        self.inner.put(&self.key(key)?, content).await
    }

    async fn get(&self, key: &blob::Key) -> Result<Option<Bytes>> {
        self.inner.get(&self.key(key)?).await
    }

    async fn delete(&self, key: &blob::Key) -> Result<()> {
        self.inner.delete(&self.key(key)?).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>> {
        let prefix = Prefix::new(format!("{}{}", self.folder, prefix.as_str()))?;
        let keys = self.inner.list(&prefix).await?;
        Ok(keys.into_iter().filter_map(|key| Some(key.strip_prefix(&self.folder)?.to_owned())).collect())
    }

    async fn health(&self) -> Result<()> {
        self.inner.health().await
    }
}
