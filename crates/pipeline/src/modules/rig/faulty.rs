//! A store that fails when it is told to.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use penstock_storage::kv::{Keep, Key, KvStore, MemoryKv, Remaining, Ttl};
use penstock_storage::{ErrorKind, StorageError};

/// A store that goes down when it is told to, or loses answers.
#[derive(Debug)]
pub(in crate::modules) struct Faulty {
    pub(in crate::modules) inner: MemoryKv,
    is_down: AtomicBool,
    /// So many writes are done without an answer.
    lose: AtomicU64,
    /// How often it was asked to compare and set.
    pub(in crate::modules) writes: AtomicU64,
}

impl Faulty {
    pub(super) fn over(inner: MemoryKv) -> Self {
        Self { inner, is_down: false.into(), lose: 0.into(), writes: 0.into() }
    }

    pub(in crate::modules) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(in crate::modules) fn lose_answers(&self, writes: u64) {
        self.lose.store(writes, Ordering::SeqCst);
    }

    fn up(&self) -> Result<(), StorageError> {
        let is_down = self.is_down.load(Ordering::SeqCst);
        let error = || StorageError::new(ErrorKind::Unavailable, "faulty", "kv", "it is down on purpose");
        if is_down { Err(error()) } else { Ok(()) }
    }
}

#[async_trait]
impl KvStore for Faulty {
    fn backend(&self) -> &'static str {
        "faulty"
    }

    async fn get(&self, key: &Key) -> Result<Option<String>, StorageError> {
        self.up()?;
        self.inner.get(key).await
    }

    async fn set(&self, key: &Key, value: &str, ttl: Ttl, keep: Keep) -> Result<(), StorageError> {
        self.up()?;
        self.inner.set(key, value, ttl, keep).await
    }

    async fn set_nx(&self, key: &Key, value: &str, ttl: Ttl) -> Result<bool, StorageError> {
        self.up()?;
        self.inner.set_nx(key, value, ttl).await
    }

    async fn del(&self, key: &Key) -> Result<(), StorageError> {
        self.up()?;
        self.inner.del(key).await
    }

    async fn ttl(&self, key: &Key) -> Result<Remaining, StorageError> {
        self.up()?;
        self.inner.ttl(key).await
    }

    async fn incr(&self, key: &Key, by: i64, ttl: Ttl) -> Result<i64, StorageError> {
        self.up()?;
        self.inner.incr(key, by, ttl).await
    }

    async fn cas(
        &self,
        key: &Key,
        expected: Option<&str>,
        value: &str,
        ttl: Ttl,
    ) -> Result<bool, StorageError> {
        self.up()?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        let done = self.inner.cas(key, expected, value, ttl).await;
        let lose = |left: u64| left.checked_sub(1);
        if self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose).is_ok() {
            return Err(StorageError::new(ErrorKind::Unavailable, "faulty", "kv.cas", "the answer is lost"));
        }
        done
    }

    async fn health(&self) -> Result<(), StorageError> {
        self.up()
    }
}
