//! How fast a provider's model answers, for routes that ask the fastest first.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use penstock_core::Timestamp;

/// After so long without an answer one request finds out anew, in case the slow has become fast.
const STALE: Duration = Duration::from_secs(30);
/// Nobody knows yet.
const UNKNOWN: u64 = u64::MAX;

/// The time to the first byte, as a moving average.
#[derive(Debug)]
pub(crate) struct Latency {
    micros: AtomicU64,
    /// When it was measured last, or somebody set out to.
    at: AtomicI64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { micros: AtomicU64::new(UNKNOWN), at: AtomicI64::new(i64::MIN) }
    }
}

impl Latency {
    /// Takes in a measurement. Of two at the same time one may be lost, which does no harm.
    pub(crate) fn measured(&self, took: Duration, now: Timestamp) {
        let took = u64::try_from(took.as_micros()).unwrap_or(UNKNOWN - 1).min(UNKNOWN - 1);
        let before = self.micros.load(Ordering::Relaxed);
        let after = if before == UNKNOWN { took } else { before - before / 4 + took / 4 };
        self.micros.store(after, Ordering::Relaxed);
        self.at.fetch_max(now.0, Ordering::Relaxed);
    }

    /// Microseconds; the largest number where nobody knows.
    pub(crate) fn micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }

    /// Whether it is worth finding out anew, which then is up to the one who asked.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        let stale = Timestamp(at).plus(STALE) <= now;
        stale && self.at.compare_exchange(at, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
