//! Which counters this process has to do with.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use penstock_storage::StorageAdapter;
use penstock_storage::kv::{Key, Ttl};

use super::counter::Counter;

/// The counters that this process has to do with. In parts, so that users do not wait for each other.
#[derive(Default)]
pub(super) struct Counters {
    parts: [Mutex<HashMap<Key, Arc<Counter>>>; PARTS],
    hasher: RandomState,
}

const PARTS: usize = 16;
/// So many in a part, before those that nobody uses are forgotten: that costs the next one a read.
const MANY: usize = 1_000;

impl Counters {
    /// The counter with that key.
    pub(super) fn get(&self, storage: &StorageAdapter, key: Key, lifetime: Ttl) -> Arc<Counter> {
        let part = usize::try_from(self.hasher.hash_one(&key) % PARTS as u64).unwrap_or(0);
        let mut part = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = part.get(&key) {
            return Arc::clone(counter);
        }
        if part.len() >= MANY {
            part.retain(|_, counter| Arc::strong_count(counter) > 1);
        }
        let counter = Arc::new(Counter::new(storage.clone(), key.clone(), lifetime));
        part.insert(key, Arc::clone(&counter));
        counter
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counters")
    }
}
