//! The entries in memory: how long each lives, and which go first for want of room.
//!
//! Nothing here reads a clock, takes a lock or touches a file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use penstock_core::Timestamp;

use crate::kv::Keep;

/// What an entry costs beside its key and value: its places in the map and in the orders, roughly.
const OVERHEAD: u64 = 160;
/// The longest whole number of 64 bits, in bytes. Each value is counted as that long at least, so that a
/// counter never needs room to grow.
const LONGEST_NUMBER: usize = 20;

/// One value, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: Arc<str>,
    /// When it is over, `None` for never.
    pub(super) ends: Option<Timestamp>,
    pub(super) keep: Keep,
    /// Which change wrote it; later is greater.
    pub(super) sequence: u64,
}

impl Entry {
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    fn size(&self, key: &str) -> u64 {
        let bytes = key.len() + self.value.len().max(LONGEST_NUMBER);
        OVERHEAD + bytes as u64
    }
}

/// All entries, within a number of bytes.
#[derive(Debug)]
pub(super) struct Table {
    entries: HashMap<Arc<str>, Entry>,
    /// Those that end, the next one first.
    ending: BTreeSet<(Timestamp, Arc<str>)>,
    /// Those that may go, the oldest first.
    volatile: BTreeMap<u64, Arc<str>>,
    kept_bytes: u64,
    volatile_bytes: u64,
    limit: u64,
    /// Which entries changed since they were last written to the file, if there is one.
    touched: Option<BTreeSet<Arc<str>>>,
}

impl Table {
    /// An empty one of at most `limit` bytes; `track` the changes for a file.
    pub(super) fn new(limit: u64, track: bool) -> Self {
        Self {
            entries: HashMap::new(),
            ending: BTreeSet::new(),
            volatile: BTreeMap::new(),
            kept_bytes: 0,
            volatile_bytes: 0,
            limit,
            touched: track.then(BTreeSet::new),
        }
    }

    pub(super) fn get(&self, key: &str, now: Timestamp) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| !entry.is_over(now))
    }

    /// How many bytes the entries are counted as.
    pub(super) fn bytes(&self) -> u64 {
        self.kept_bytes + self.volatile_bytes
    }

    /// How many there may be.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether `entry` has room, once every entry that may go is gone.
    pub(super) fn has_room(&self, key: &str, entry: &Entry) -> bool {
        let replaced = self.entries.get(key);
        let kept = replaced.filter(|entry| entry.keep == Keep::Always).map_or(0, |entry| entry.size(key));
        let new = entry.size(key);
        // what does not grow is never refused, not even by a store that was opened with a lower limit
        self.kept_bytes - kept + new <= self.limit || new <= kept
    }

    /// Writes `entry`, and evicts what has to go for it.
    pub(super) fn put(&mut self, key: &str, entry: Entry) {
        self.take(key);
        let key: Arc<str> = key.into();
        if let Some(ends) = entry.ends {
            self.ending.insert((ends, Arc::clone(&key)));
        }
        match entry.keep {
            Keep::Always => self.kept_bytes += entry.size(&key),
            Keep::Volatile => {
                self.volatile_bytes += entry.size(&key);
                self.volatile.insert(entry.sequence, Arc::clone(&key));
            }
        }
        self.touch(&key);
        self.entries.insert(key, entry);
        while self.bytes() > self.limit {
            let Some((_, oldest)) = self.volatile.pop_first() else { break };
            self.remove(&oldest);
        }
    }

    /// Removes the entry; whether there was one.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let Some(key) = self.take(key) else { return false };
        self.touch(&key);
        true
    }

    /// Removes every entry that is over; how many.
    pub(super) fn sweep(&mut self, now: Timestamp) -> usize {
        let mut swept = 0;
        while self.ending.first().is_some_and(|(ends, _)| *ends <= now) {
            let Some((_, key)) = self.ending.pop_first() else { break };
            self.remove(&key);
            swept += 1;
        }
        swept
    }

    /// What changed since this was last asked: each key with its entry, or with none.
    pub(super) fn take_touched(&mut self) -> Vec<(Arc<str>, Option<Entry>)> {
        let touched = self.touched.as_mut().map(std::mem::take).unwrap_or_default();
        let with_entry = |key: Arc<str>| {
            let entry = self.entries.get(&key).cloned();
            (key, entry)
        };
        touched.into_iter().map(with_entry).collect()
    }

    /// All that is here is in the file already; what had no room here is to be removed from there.
    pub(super) fn is_loaded(&mut self) {
        if let Some(touched) = &mut self.touched {
            touched.retain(|key| !self.entries.contains_key(key));
        }
    }

    /// These have to be written again.
    pub(super) fn touch_again(&mut self, keys: impl Iterator<Item = Arc<str>>) {
        keys.for_each(|key| self.touch(&key));
    }

    /// Whether something changed since [`take_touched`](Self::take_touched).
    pub(super) fn is_touched(&self) -> bool {
        self.touched.as_ref().is_some_and(|touched| !touched.is_empty())
    }

    fn touch(&mut self, key: &Arc<str>) {
        if let Some(touched) = &mut self.touched {
            touched.insert(Arc::clone(key));
        }
    }

    /// Takes the entry out of everything but the list of changes.
    fn take(&mut self, key: &str) -> Option<Arc<str>> {
        let (key, entry) = self.entries.remove_entry(key)?;
        let size = entry.size(&key);
        match entry.keep {
            Keep::Always => self.kept_bytes -= size,
            Keep::Volatile => {
                self.volatile_bytes -= size;
                self.volatile.remove(&entry.sequence);
            }
        }
        if let Some(ends) = entry.ends {
            self.ending.remove(&(ends, Arc::clone(&key)));
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &str, ends: Option<i64>, keep: Keep, sequence: u64) -> Entry {
        Entry { value: value.into(), ends: ends.map(Timestamp), keep, sequence }
    }

    #[test]
    fn what_is_over_is_not_found_and_is_swept() {
        let mut table = Table::new(10_000, true);
        table.put("a", entry("1", Some(1_000), Keep::Always, 1));
        table.put("b", entry("2", Some(2_000), Keep::Volatile, 2));
        assert!(table.get("a", Timestamp(999)).is_some() && table.get("a", Timestamp(1_000)).is_none());
        let before = table.take_touched();
        assert_eq!(before.len(), 2);
        assert_eq!((table.sweep(Timestamp(999)), table.sweep(Timestamp(1_000))), (0, 1));
        assert_eq!(table.take_touched(), [("a".into(), None)]);
        assert_eq!(table.sweep(Timestamp(i64::MAX)), 1);
        assert_eq!(table.bytes(), 0, "nothing is left, and nothing is counted");
        assert!(table.volatile.is_empty() && table.ending.is_empty() && table.entries.is_empty());
    }

    #[test]
    fn a_lower_limit_lets_counters_count_and_nothing_grow() {
        let mut table = Table::new(10_000, false);
        table.put("counter", entry("9", None, Keep::Always, 1));
        table.limit = 1;
        assert!(table.has_room("counter", &entry("9223372036854775807", None, Keep::Always, 2)));
        assert!(!table.has_room("counter", &entry(&"x".repeat(21), None, Keep::Always, 2)));
        assert!(!table.has_room("other", &entry("1", None, Keep::Always, 2)));
    }

    #[test]
    fn what_had_no_room_is_removed_from_the_file_and_nothing_else_is_written() {
        let size = entry("", None, Keep::Volatile, 0).size("a");
        let mut table = Table::new(2 * size, true);
        for (key, sequence) in [("a", 1), ("b", 2), ("c", 3)] {
            table.put(key, entry("", None, Keep::Volatile, sequence));
        }
        table.is_loaded();
        assert_eq!(table.take_touched(), [("a".into(), None)]);
    }

    #[test]
    fn an_entry_that_is_rewritten_is_counted_once_and_is_young_again() {
        let size = entry("", None, Keep::Volatile, 0).size("a");
        let mut table = Table::new(2 * size, false);
        for (key, sequence) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            table.put(key, entry("", None, Keep::Volatile, sequence));
        }
        let there = |key| table.get(key, Timestamp(0)).is_some();
        assert_eq!((there("a"), there("b"), there("c")), (true, false, true));
        assert_eq!(table.bytes(), 2 * size);
    }
}
