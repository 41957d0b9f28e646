//! The timers of scripts.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Timers by the time at which they fire.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Instant, u32)>,
    /// When each fires, and whose it is.
    known: HashMap<u32, (Instant, u32)>,
}

impl Timers {
    /// Sets one, for `call`.
    pub(super) fn set(&mut self, timer: u32, wait: Duration, call: u32) {
        let at = Instant::now() + wait;
        self.queue.insert((at, timer));
        self.known.insert(timer, (at, call));
    }

    /// Takes one away.
    pub(super) fn clear(&mut self, timer: u32) {
        if let Some((at, _)) = self.known.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// When the next one fires.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// One whose time has come, and whose it is.
    pub(super) fn due(&mut self, now: Instant) -> Option<(u32, u32)> {
        let &(at, timer) = self.queue.first().filter(|(at, _)| *at <= now)?;
        self.queue.remove(&(at, timer));
        self.known.remove(&timer).map(|(_, call)| (timer, call))
    }
}
