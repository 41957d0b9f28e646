//! The in-process store: the reference for all others, and the default of a single node.
//!
//! One map under one lock that is never held while something waits. Lifetimes are checked on read, and what
//! is over is swept every 30 s. The map is bounded by bytes: entries written as
//! [`Volatile`](Keep::Volatile) go oldest first, all others never, because a spend counter or a lock must
//! not vanish; a full store refuses the write.
//!
//! With a file, what was acknowledged survives the death of the process: each change is handed to the
//! operating system in a log before the answer. At most the last 100 ms are lost on a power cut: so
//! often a thread brings what changed into the file, which is synced.

mod file;
mod journal;
mod state;
mod table;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use penstock_core::{Clock, SystemClock};
use tokio::sync::oneshot;

use self::state::{Change, State};
use self::table::{Entry, Table};
use super::{Keep, Key, KvStore, Remaining, Ttl};
use crate::{ErrorKind, Result, StorageError};

const BACKEND: &str = "memory";

/// How an in-process store is to be.
#[derive(Clone)]
pub struct MemoryKvOptions {
    /// Where it is written to, `None` for nowhere. Two logs are kept beside it.
    pub file: Option<PathBuf>,
    /// How many bytes it may hold.
    pub limit: u64,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Default for MemoryKvOptions {
    /// Written nowhere, and of at most 256 MiB.
    fn default() -> Self {
        Self { file: None, limit: 256 << 20, clock: Arc::new(SystemClock) }
    }
}

impl fmt::Debug for MemoryKvOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKvOptions")
            .field("file", &self.file)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The in-process store. Dropping it writes what is left, soon after; [`close`](Self::close) waits for that.
pub struct MemoryKv {
    shared: Arc<Shared>,
}

/// What the store and its thread share.
struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    wake: Condvar,
    clock: Arc<dyn Clock>,
}

impl MemoryKv {
    /// Opens the store, with what its file holds.
    pub async fn open(options: MemoryKvOptions) -> Result<Self> {
        let opened = tokio::task::spawn_blocking(|| Self::open_blocking(options)).await;
        opened.unwrap_or_else(|error| {
            Err(StorageError::new(ErrorKind::Internal, BACKEND, "kv.open", "it panicked").with_source(error))
        })
    }

    fn open_blocking(options: MemoryKvOptions) -> Result<Self> {
        let MemoryKvOptions { file, limit, clock } = options;
        let mut state = State {
            table: Table::new(limit, file.is_some()),
            journal: None,
            sequence: 0,
            is_full: false,
            is_disk_full: false,
            is_closed: false,
            waiting: Vec::new(),
            leaving: Vec::new(),
        };
        let file = match file {
            Some(path) => Some(state.recover(&path, clock.now())?),
            None => None,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), clock });
        writer::start(Arc::clone(&shared), file)?;
        Ok(Self { shared })
    }

    /// Waits until all that was written so far is in the file, and synced.
    pub async fn flush(&self) -> Result<()> {
        self.shared.wait("kv.flush", |state, sender| state.waiting.push(sender)).await
    }

    /// Writes what is left and closes the file; every later operation fails.
    pub async fn close(&self) -> Result<()> {
        let leave = |state: &mut State, sender| {
            state.is_closed = true;
            state.leaving.push(sender);
        };
        self.shared.wait("kv.close", leave).await
    }

    /// What `decide` makes of the entry with that key, in one step.
    fn change<T>(
        &self,
        operation: &'static str,
        key: &Key,
        decide: impl FnOnce(Option<&Entry>) -> Result<(T, Change)>,
    ) -> Result<T> {
        let now = self.shared.clock.now();
        let mut state = self.shared.open(operation)?;
        let (answer, change) = decide(state.table.get(key.as_str(), now))?;
        let was_touched = state.table.is_touched();
        state.apply(operation, key.as_str(), change, now)?;
        // the thread is woken for the first change only: it then waits for others by itself
        if !was_touched && state.table.is_touched() {
            self.shared.wake.notify_one();
        }
        Ok(answer)
    }
}

impl Drop for MemoryKv {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.wake.notify_one();
    }
}

impl fmt::Debug for MemoryKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("MemoryKv")
            .field("bytes", &state.table.bytes())
            .field("is_written", &state.journal.is_some())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// A panic under this lock would be one between whole changes, so the state is sound.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless the store was closed.
    fn open(&self, operation: &'static str) -> Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.is_closed { Err(closed(operation)) } else { Ok(state) }
    }

    /// Asks the thread for something, and waits until it is done.
    async fn wait(
        &self,
        operation: &'static str,
        ask: impl FnOnce(&mut State, oneshot::Sender<Result<()>>),
    ) -> Result<()> {
        let (sender, done) = oneshot::channel();
        ask(&mut *self.open(operation)?, sender);
        self.wake.notify_one();
        done.await.unwrap_or_else(|_| Err(closed(operation)))
    }
}

fn closed(operation: &'static str) -> StorageError {
    StorageError::new(ErrorKind::Unavailable, BACKEND, operation, "the store was closed")
}

/// The whole number that a value spells, in the one spelling that counts.
fn whole_number(value: &str) -> Option<i64> {
    value.parse().ok().filter(|number: &i64| number.to_string() == value)
}

#[async_trait]
impl KvStore for MemoryKv {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn get(&self, key: &Key) -> Result<Option<String>> {
        let now = self.shared.clock.now();
        let state = self.shared.open("kv.get")?;
        Ok(state.table.get(key.as_str(), now).map(|entry| entry.value.to_string()))
    }

    async fn set(&self, key: &Key, value: &str, ttl: Ttl, keep: Keep) -> Result<()> {
        self.change("kv.set", key, |_| Ok(((), Change::put(value, ttl, keep))))
    }

    async fn set_nx(&self, key: &Key, value: &str, ttl: Ttl) -> Result<bool> {
        self.change("kv.set_nx", key, |found| match found {
            Some(_) => Ok((false, Change::Nothing)),
            None => Ok((true, Change::put(value, ttl, Keep::Always))),
        })
    }

    async fn del(&self, key: &Key) -> Result<()> {
        self.change("kv.del", key, |_| Ok(((), Change::Remove)))
    }

    async fn ttl(&self, key: &Key) -> Result<Remaining> {
        let now = self.shared.clock.now();
        let state = self.shared.open("kv.ttl")?;
        Ok(match state.table.get(key.as_str(), now) {
            None => Remaining::Missing,
            Some(Entry { ends: None, .. }) => Remaining::Forever,
            Some(Entry { ends: Some(ends), .. }) => Remaining::of_milliseconds(ends.millis_since(now)),
        })
    }

    async fn incr(&self, key: &Key, by: i64, ttl: Ttl) -> Result<i64> {
        let conflict = |message: &str| StorageError::new(ErrorKind::Conflict, BACKEND, "kv.incr", message);
        self.change("kv.incr", key, |found| {
            let Some(entry) = found else {
                return Ok((by, Change::put(&by.to_string(), ttl, Keep::Always)));
            };
            let number = whole_number(&entry.value)
                .ok_or_else(|| conflict("expected a whole number of 64 bits, found another value"))?;
            let sum = number
                .checked_add(by)
                .ok_or_else(|| conflict("expected a sum of at most 64 bits, found a greater one"))?;
            Ok((sum, Change::Count(sum.to_string().into())))
        })
    }

    async fn cas(&self, key: &Key, expected: Option<&str>, value: &str, ttl: Ttl) -> Result<bool> {
        self.change("kv.cas", key, |found| {
            if found.map(|entry| &*entry.value) == expected {
                Ok((true, Change::put(value, ttl, Keep::Always)))
            } else {
                Ok((false, Change::Nothing))
            }
        })
    }

    async fn health(&self) -> Result<()> {
        self.shared.open("kv.health").map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use penstock_core::Timestamp;

    use super::*;
    use crate::observed::Observed;

    #[derive(Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn lifetimes_follow_the_clock_to_the_millisecond() {
        let clock = Arc::new(Hand::default());
        let options = MemoryKvOptions { clock: Arc::clone(&clock) as _, ..MemoryKvOptions::default() };
        let store = MemoryKv::open(options).await.unwrap();
        let key = Key::new("key").unwrap();
        store.incr(&key, 1, Ttl::seconds(2)).await.unwrap();
        for (now, left) in [(0, 2), (1, 2), (999, 2), (1_000, 1), (1_999, 1)] {
            clock.0.store(now, Ordering::Relaxed);
            assert_eq!(store.ttl(&key).await.unwrap(), Remaining::Seconds(left), "at {now}");
            assert_eq!(store.incr(&key, 0, Ttl::Forever).await.unwrap(), 1, "at {now}");
        }
        clock.0.store(2_000, Ordering::Relaxed);
        assert_eq!(store.ttl(&key).await.unwrap(), Remaining::Missing);
        assert_eq!(store.get(&key).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_full_store_says_so_once_until_there_is_room_again() {
        let observed = Observed::start();
        let store = MemoryKv::open(MemoryKvOptions { limit: 10_000, ..Default::default() }).await.unwrap();
        let (key, value) = (|number| Key::new(format!("key-{number}")).unwrap(), "x".repeat(4_000));
        for incident in 1..=2 {
            for number in 0..2 {
                store.set(&key(number), &value, Ttl::Forever, Keep::Always).await.unwrap();
            }
            for number in 2..52 {
                let refused = store.set(&key(number), &value, Ttl::Forever, Keep::Always).await.unwrap_err();
                assert_eq!(refused.kind, ErrorKind::Full);
            }
            assert_eq!(observed.lines("is full, and refuses writes"), incident);
            assert_eq!(observed.metric("penstock_kv_full_total"), Some((50 * incident).to_string()));
            for number in 0..2 {
                store.del(&key(number)).await.unwrap();
            }
            store.shared.sweep();
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        for number in [0, 7, -7, i64::MAX, i64::MIN] {
            assert_eq!(whole_number(&number.to_string()), Some(number));
        }
        for value in ["", "+1", "007", "-0", " 1", "1.0", "1e3", "9223372036854775808"] {
            assert_eq!(whole_number(value), None, "{value:?}");
        }
    }
}
