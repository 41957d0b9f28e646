//! Keys and values: counters, locks, caches.

#[cfg(any(feature = "redis", feature = "upstash"))]
mod commands;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "upstash")]
pub mod upstash;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use memory::MemoryKv;
#[cfg(feature = "redis")]
pub use redis::RedisKv;
#[cfg(feature = "upstash")]
pub use upstash::UpstashKv;

use crate::{Result, StorageError};

/// The longest key, in bytes.
pub const KEY_LIMIT: usize = 1_024;

/// A store of short texts. Each operation is atomic.
#[async_trait]
pub trait KvStore: fmt::Debug + Send + Sync {
    /// Which backend it is, such as `redis`.
    fn backend(&self) -> &'static str;

    /// The value, or `None` if there is none or it has expired.
    async fn get(&self, key: &Key) -> Result<Option<String>>;

    /// Writes `value`, and with it a new lifetime.
    async fn set(&self, key: &Key, value: &str, ttl: Ttl, keep: Keep) -> Result<()>;

    /// Writes `value` if there is none; whether it did. The primitive of locks.
    async fn set_nx(&self, key: &Key, value: &str, ttl: Ttl) -> Result<bool>;

    /// Removes the entry, if there is one.
    async fn del(&self, key: &Key) -> Result<()>;

    /// How long the entry still lives.
    async fn ttl(&self, key: &Key) -> Result<Remaining>;

    /// Adds `by` to the whole number that is the value, 0 if there is none; what it is then. `ttl` counts
    /// only where the entry is new. A value that is no whole number of 64 bits, or would leave them, is a
    /// conflict, and stays as it is. A number is spelled as this writes it: no sign `+`, no leading zeros,
    /// no space around it.
    async fn incr(&self, key: &Key, by: i64, ttl: Ttl) -> Result<i64>;

    /// Writes `value` if the value is `expected`, `None` for none at all; whether it did.
    async fn cas(&self, key: &Key, expected: Option<&str>, value: &str, ttl: Ttl) -> Result<bool>;

    /// Asks the backend whether it works.
    async fn health(&self) -> Result<()>;
}

/// The name of an entry: 1 to 1,024 bytes of UTF-8, meant literally.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<str>);

impl Key {
    /// The key of that name.
    pub fn new(name: impl Into<Box<str>>) -> Result<Self> {
        let name = name.into();
        match name.len() {
            1..=KEY_LIMIT => Ok(Self(name)),
            length => Err(StorageError::invalid(
                "kv.key",
                format!("expected a key of 1 to {KEY_LIMIT} bytes, found {length}"),
            )),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long an entry is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Until it is removed.
    Forever,
    /// That long.
    For(Duration),
    /// It is over already: writing it removes what was there.
    Expired,
}

/// Longer lifetimes are as good as none; backends count milliseconds in 64 bits.
const LONGEST: Duration = Duration::from_secs(1_000_000_000_000);

impl Ttl {
    /// Seconds as modules give them: none and 0 are for ever, less than 0 is over.
    pub fn from_seconds(seconds: Option<f64>) -> Result<Self> {
        match seconds {
            None | Some(0.0) => Ok(Self::Forever),
            Some(seconds) if !seconds.is_finite() => Err(StorageError::invalid(
                "kv.ttl",
                format!("expected a lifetime in seconds that is finite, found {seconds}"),
            )),
            Some(seconds) if seconds < 0.0 => Ok(Self::Expired),
            Some(seconds) if seconds >= LONGEST.as_secs_f64() => Ok(Self::Forever),
            // less than the backends can count is the least that they can
            Some(seconds) => Ok(Self::For(Duration::from_secs_f64(seconds.max(0.001)))),
        }
    }

    /// That many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        if seconds == 0 { Self::Forever } else { Self::For(Duration::from_secs(seconds)) }
    }
}

/// That long in the unit of all backends, rounded up: at least one, and no more than they can add to a time.
fn milliseconds(lifetime: Duration) -> u64 {
    let whole = lifetime.min(LONGEST).as_nanos().div_ceil(1_000_000);
    u64::try_from(whole).unwrap_or(u64::MAX).max(1)
}

/// Whether an entry may be dropped for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Never: a counter, a lock.
    #[default]
    Always,
    /// The oldest such entries go first: a cache.
    Volatile,
}

/// How long an entry still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// There is no such entry.
    Missing,
    /// It has no end.
    Forever,
    /// Seconds, rounded up.
    Seconds(u64),
}

impl Remaining {
    /// The number that modules see: -2, -1, or the seconds.
    pub fn as_seconds(self) -> i64 {
        match self {
            Self::Missing => -2,
            Self::Forever => -1,
            Self::Seconds(seconds) => i64::try_from(seconds).unwrap_or(i64::MAX),
        }
    }

    /// What is left of that many milliseconds.
    pub const fn of_milliseconds(left: u64) -> Self {
        Self::Seconds(left.div_ceil(1_000))
    }
}
