//! Key-value stores with a fault each, over the in-process one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use penstock_storage::kv::memory::MemoryKvOptions;
use penstock_storage::kv::{Keep, Key, KvStore, MemoryKv, Remaining, Ttl};
use penstock_storage::{ErrorKind, Result, StorageError};
use tempfile::TempDir;

use crate::Failure;
use crate::kv::Harness;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvFault {
    /// Nothing: this one must pass, or the others prove nothing.
    None,
    /// `set` forgets the lifetime.
    LosesTtl,
    /// `set` without a lifetime leaves the old one.
    KeepsOldTtl,
    /// `ttl` is rounded down.
    RoundsTtlDown,
    /// A lifetime that is over is taken for none.
    TakesExpiredForForever,
    /// `set_nx` reads, and then writes.
    SetNxInTwoSteps,
    /// `incr` reads, and then writes.
    IncrInTwoSteps,
    /// `incr` gives a new lifetime to what is there.
    IncrRenewsTtl,
    /// `incr` takes a text for 0.
    IncrTakesTextForZero,
    /// `incr` counts in floats.
    IncrCountsInFloats,
    /// `cas` writes whatever is there.
    CasIgnoresExpected,
    /// `cas` reads, and then writes.
    CasInTwoSteps,
    /// Keys are compared without regard to case.
    FoldsKeys,
    /// A value ends at its first NUL.
    CutsAtNul,
    /// Everything may be evicted, counters too.
    EvictsEverything,
    /// What was written is gone after a restart.
    ForgetsOverRestart,
    /// Lifetimes are gone after a restart.
    ForgetsTtlOverRestart,
}

/// A store with a fault.
#[derive(Debug)]
pub struct BrokenKv {
    inner: MemoryKv,
    fault: KvFault,
}

impl BrokenKv {
    fn key(&self, key: &Key) -> Key {
        match self.fault {
            KvFault::FoldsKeys => Key::new(key.as_str().to_lowercase()).unwrap_or_else(|_| key.clone()),
            _ => key.clone(),
        }
    }

    fn keep(&self, keep: Keep) -> Keep {
        if self.fault == KvFault::EvictsEverything { Keep::Volatile } else { keep }
    }

    /// `incr` as someone writes it who has `get` and `set` only.
    async fn incr_in_two_steps(&self, key: &Key, by: i64, ttl: Ttl) -> Result<i64> {
        let found = self.inner.get(key).await?;
        tokio::task::yield_now().await;
        let number: i64 = match found.as_deref().map(str::parse) {
            None => 0,
            Some(Ok(number)) => number,
            Some(Err(_)) => return Err(StorageError::new(ErrorKind::Conflict, "broken", "kv.incr", "text")),
        };
        let sum = number.saturating_add(by);
        let ttl = match self.inner.ttl(key).await? {
            Remaining::Missing => ttl,
            Remaining::Forever => Ttl::Forever,
            Remaining::Seconds(seconds) => Ttl::seconds(seconds),
        };
        self.inner.set(key, &sum.to_string(), ttl, self.keep(Keep::Always)).await?;
        Ok(sum)
    }
}

#[async_trait]
impl KvStore for BrokenKv {
    fn backend(&self) -> &'static str {
        "broken"
    }

    async fn get(&self, key: &Key) -> Result<Option<String>> {
        self.inner.get(&self.key(key)).await
    }

    async fn set(&self, key: &Key, value: &str, ttl: Ttl, keep: Keep) -> Result<()> {
        let key = self.key(key);
        let value = match self.fault {
            KvFault::CutsAtNul => value.split('\0').next().unwrap_or_default(),
            _ => value,
        };
        let ttl = match (self.fault, ttl) {
            (KvFault::LosesTtl, Ttl::For(_)) | (KvFault::TakesExpiredForForever, Ttl::Expired) => {
                Ttl::Forever
            }
            (KvFault::KeepsOldTtl, Ttl::Forever) => match self.inner.ttl(&key).await? {
                Remaining::Seconds(seconds) => Ttl::seconds(seconds),
                _ => ttl,
            },
            _ => ttl,
        };
        self.inner.set(&key, value, ttl, self.keep(keep)).await
    }

    async fn set_nx(&self, key: &Key, value: &str, ttl: Ttl) -> Result<bool> {
        let key = self.key(key);
        match self.fault {
            KvFault::SetNxInTwoSteps | KvFault::EvictsEverything => {
                if self.inner.get(&key).await?.is_some() {
                    return Ok(false);
                }
                tokio::task::yield_now().await;
                self.inner.set(&key, value, ttl, self.keep(Keep::Always)).await?;
                Ok(true)
            }
            _ => self.inner.set_nx(&key, value, ttl).await,
        }
    }

    async fn del(&self, key: &Key) -> Result<()> {
        self.inner.del(&self.key(key)).await
    }

    async fn ttl(&self, key: &Key) -> Result<Remaining> {
        let remaining = self.inner.ttl(&self.key(key)).await?;
        Ok(match (self.fault, remaining) {
            (KvFault::RoundsTtlDown, Remaining::Seconds(seconds)) => Remaining::Seconds(seconds - 1),
            (_, remaining) => remaining,
        })
    }

    async fn incr(&self, key: &Key, by: i64, ttl: Ttl) -> Result<i64> {
        let key = self.key(key);
        match self.fault {
            KvFault::IncrInTwoSteps | KvFault::EvictsEverything => {
                return self.incr_in_two_steps(&key, by, ttl).await;
            }
            KvFault::IncrTakesTextForZero => {
                let found = self.inner.get(&key).await?;
                if found.is_some_and(|value| value.parse::<i64>().is_err()) {
                    self.inner.del(&key).await?;
                }
            }
            _ => {}
        }
        let sum = self.inner.incr(&key, by, ttl).await?;
        match self.fault {
            KvFault::IncrRenewsTtl => self.inner.set(&key, &sum.to_string(), ttl, Keep::Always).await?,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "that is the fault"
            )]
            KvFault::IncrCountsInFloats => return Ok(sum as f64 as i64),
            _ => {}
        }
        Ok(sum)
    }

    async fn cas(&self, key: &Key, expected: Option<&str>, value: &str, ttl: Ttl) -> Result<bool> {
        let key = self.key(key);
        match self.fault {
            KvFault::CasIgnoresExpected => {
                self.inner.set(&key, value, ttl, Keep::Always).await.map(|()| true)
            }
            KvFault::CasInTwoSteps => {
                if self.inner.get(&key).await?.as_deref() != expected {
                    return Ok(false);
                }
                tokio::task::yield_now().await;
                self.inner.set(&key, value, ttl, Keep::Always).await.map(|()| true)
            }
            _ => self.inner.cas(&key, expected, value, ttl).await,
        }
    }

    async fn health(&self) -> Result<()> {
        self.inner.health().await
    }
}

/// A namespace of a broken store.
#[derive(Debug)]
pub struct BrokenKvHarness {
    fault: KvFault,
    folder: TempDir,
    store: Mutex<Arc<BrokenKv>>,
}

impl BrokenKvHarness {
    /// A new one, empty.
    pub async fn open(fault: KvFault) -> Result<Arc<dyn Harness>, Failure> {
        let folder = tempfile::tempdir()?;
        let store = Mutex::new(open(fault, Some(&folder), 64 << 20).await?);
        Ok(Arc::new(Self { fault, folder, store }))
    }

    fn current(&self) -> Arc<BrokenKv> {
        Arc::clone(&self.store.lock().expect("nothing panics while it is held"))
    }
}

async fn open(fault: KvFault, folder: Option<&TempDir>, limit: u64) -> Result<Arc<BrokenKv>> {
    let file = folder.map(|folder| folder.path().join("kv"));
    let inner = MemoryKv::open(MemoryKvOptions { file, limit, ..MemoryKvOptions::default() }).await?;
    Ok(Arc::new(BrokenKv { inner, fault }))
}

#[async_trait]
impl Harness for BrokenKvHarness {
    fn store(&self) -> Arc<dyn KvStore> {
        self.current()
    }

    async fn reopen(&self) -> Result<Arc<dyn KvStore>, Failure> {
        self.current().inner.close().await?;
        let folder = (self.fault != KvFault::ForgetsOverRestart).then_some(&self.folder);
        let store = open(self.fault, folder, 64 << 20).await?;
        if self.fault == KvFault::ForgetsTtlOverRestart {
            for name in ["long", "short"] {
                let key = Key::new(name)?;
                if let Some(value) = store.get(&key).await? {
                    store.set(&key, &value, Ttl::For(Duration::from_secs(100_000)), Keep::Always).await?;
                }
            }
        }
        *self.store.lock().expect("nothing panics while it is held") = Arc::clone(&store);
        Ok(store)
    }

    async fn bounded(&self, bytes: u64) -> Result<Arc<dyn KvStore>, Failure> {
        Ok(open(self.fault, None, bytes).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Capability::{Bounded, Durable};
    use crate::kv::CASES;
    use crate::{Outcome, run};

    const CAUGHT: &[(KvFault, &str)] = &[
        (KvFault::LosesTtl, "kv/set_gives_a_new_lifetime"),
        (KvFault::KeepsOldTtl, "kv/set_without_a_lifetime_clears_one"),
        (KvFault::RoundsTtlDown, "kv/ttl_is_rounded_up"),
        (KvFault::TakesExpiredForForever, "kv/set_that_is_over_removes"),
        (KvFault::SetNxInTwoSteps, "kv/set_nx_has_one_winner"),
        (KvFault::IncrInTwoSteps, "kv/incr_loses_nothing"),
        (KvFault::IncrInTwoSteps, "kv/incr_of_many_keys_loses_nothing"),
        (KvFault::IncrInTwoSteps, "kv/incr_of_no_number_is_a_conflict"),
        (KvFault::IncrInTwoSteps, "kv/incr_beyond_64_bits_is_a_conflict"),
        (KvFault::IncrRenewsTtl, "kv/incr_gives_a_lifetime_to_a_new_entry_only"),
        (KvFault::IncrTakesTextForZero, "kv/incr_of_no_number_is_a_conflict"),
        (KvFault::IncrCountsInFloats, "kv/incr_counts_past_the_precision_of_floats"),
        (KvFault::CasIgnoresExpected, "kv/cas_of_a_missing_entry"),
        (KvFault::CasIgnoresExpected, "kv/cas_compares_whole_values"),
        (KvFault::CasInTwoSteps, "kv/cas_of_none_has_one_winner"),
        (KvFault::CasInTwoSteps, "kv/cas_loops_lose_nothing"),
        (KvFault::FoldsKeys, "kv/keys_differ_by_every_byte"),
        (KvFault::CutsAtNul, "kv/values_of_any_unicode_are_kept"),
        (KvFault::EvictsEverything, "kv/a_full_store_refuses_and_counts_on"),
        (KvFault::EvictsEverything, "kv/volatile_entries_go_oldest_first"),
        (KvFault::ForgetsOverRestart, "kv/entries_survive"),
        (KvFault::ForgetsOverRestart, "kv/counters_go_on_after_a_restart"),
        (KvFault::ForgetsTtlOverRestart, "kv/lifetimes_go_on_while_closed"),
    ];

    async fn outcome(fault: KvFault, name: &str) -> Outcome {
        let case = CASES.iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"));
        (case.run)(BrokenKvHarness::open(fault).await?).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_fault_fails_the_case_that_is_about_it() {
        let tried =
            CAUGHT.iter().map(|(fault, name)| async move { (fault, name, outcome(*fault, name).await) });
        for (fault, name, outcome) in futures_util::future::join_all(tried).await {
            assert!(outcome.is_err(), "a store with the fault {fault:?} passes {name}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_without_a_fault_fails_none() {
        let open = || BrokenKvHarness::open(KvFault::None);
        let report = run("no fault", &[Durable, Bounded], CASES, open).await;
        report.assert();
        let left_out = report.results.iter().filter(|result| result.outcome.is_none()).count();
        let instead = CASES.iter().filter(|case| case.unless.is_some()).count();
        assert_eq!(left_out, instead, "no other case was left out");
    }
}
