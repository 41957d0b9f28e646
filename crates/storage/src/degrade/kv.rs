//! A key-value store that may go down.

use std::sync::Arc;

use async_trait::async_trait;

use super::guard::{Guard, Pauses};
use crate::kv::{Keep, Key, KvStore, Remaining, Ttl};
use crate::{ErrorKind, Result};

/// Any store, with the answers of [`degrade`](super) while it is down.
#[derive(Debug)]
pub struct DegradingKv {
    inner: Arc<dyn KvStore>,
    guard: Arc<Guard>,
}

impl DegradingKv {
    /// `inner`, guarded.
    pub fn new(inner: Arc<dyn KvStore>, pauses: Pauses) -> Self {
        let asked = Arc::clone(&inner);
        let guard = Guard::new("kv", inner.backend(), pauses, move || {
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

/// The answer, or `instead` of it while the backend is down.
pub(super) fn or<T>(answer: Result<T>, instead: T) -> Result<T> {
    match answer {
        Err(error) if error.kind == ErrorKind::Unavailable => Ok(instead),
        answer => answer,
    }
}

#[async_trait]
impl KvStore for DegradingKv {
    fn backend(&self) -> &'static str {
        self.inner.backend()
    }

    async fn get(&self, key: &Key) -> Result<Option<String>> {
        or(self.guard.call("kv.get", self.inner.get(key)).await, None)
    }

    async fn set(&self, key: &Key, value: &str, ttl: Ttl, keep: Keep) -> Result<()> {
        or(self.guard.call("kv.set", self.inner.set(key, value, ttl, keep)).await, ())
    }

    async fn set_nx(&self, key: &Key, value: &str, ttl: Ttl) -> Result<bool> {
        or(self.guard.call("kv.set_nx", self.inner.set_nx(key, value, ttl)).await, false)
    }

    async fn del(&self, key: &Key) -> Result<()> {
        or(self.guard.call("kv.del", self.inner.del(key)).await, ())
    }

    async fn ttl(&self, key: &Key) -> Result<Remaining> {
        or(self.guard.call("kv.ttl", self.inner.ttl(key)).await, Remaining::Missing)
    }

    async fn incr(&self, key: &Key, by: i64, ttl: Ttl) -> Result<i64> {
        self.guard.call("kv.incr", self.inner.incr(key, by, ttl)).await
    }

    async fn cas(&self, key: &Key, expected: Option<&str>, value: &str, ttl: Ttl) -> Result<bool> {
        self.guard.call("kv.cas", self.inner.cas(key, expected, value, ttl)).await
    }

    async fn health(&self) -> Result<()> {
        self.guard.call("kv.health", self.inner.health()).await
    }
}
