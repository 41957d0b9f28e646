//! What was changed since the file was last written: two logs beside it, in turn.
//!
//! A change is handed to the operating system before it is acknowledged, so it outlives this process, however
//! that ends. It is not synced: what a power cut may take is what the [file](super::file) does not hold yet.
//! Each record has a checksum and a number one above that of the record before it. Reading goes on from the
//! number that the file holds, and stops at the first record that is torn or out of turn: what comes back is
//! what was there at some moment, never a mixture.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_core::Timestamp;

use super::table::Entry;
use crate::kv::Keep;

/// Length and checksum.
const HEAD: usize = 8;
/// Number, kind, end, length of the key.
const FIXED: usize = 8 + 1 + 8 + 4;
const PUT: u8 = 1;
const VOLATILE: u8 = 2;
const ENDS: u8 = 4;

/// A change: an entry, or `None` for its removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) sequence: u64,
    pub(super) key: Arc<str>,
    pub(super) entry: Option<Entry>,
}

/// The two logs, one of which is written to.
#[derive(Debug)]
pub(super) struct Journal {
    logs: [Log; 2],
    current: usize,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Log {
    file: File,
    /// How much of it is whole records.
    length: u64,
    /// A record was cut short and could not be taken back: nothing may follow it.
    torn: bool,
}

impl Journal {
    /// The logs beside `file`. Whoever opens them must hold the lock of that file.
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        let [first, second] = paths(file);
        Ok(Self { logs: [Log::open(&first)?, Log::open(&second)?], current: 0, buffer: Vec::new() })
    }

    /// The changes after `sequence`, in order.
    pub(super) fn read_after(&mut self, sequence: u64) -> io::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for log in &mut self.logs {
            let mut bytes = Vec::new();
            log.file.seek(SeekFrom::Start(0))?;
            log.file.read_to_end(&mut bytes)?;
            changes.extend(Changes(&bytes));
        }
        // a log whose emptying did not reach the disk shows changes that the file holds already
        changes.retain(|change| change.sequence > sequence);
        changes.sort_by_key(|change| change.sequence);
        let in_turn =
            changes.iter().zip(sequence + 1..).take_while(|(change, next)| change.sequence == *next);
        let count = in_turn.count();
        changes.truncate(count);
        Ok(changes)
    }

    /// Hands `change` to the operating system.
    pub(super) fn append(&mut self, sequence: u64, key: &str, entry: Option<&Entry>) -> io::Result<()> {
        self.buffer.clear();
        encode(&mut self.buffer, sequence, key, entry)?;
        let written = self.logs[self.current].append(&self.buffer);
        // a large value must not hold its memory for ever
        self.buffer.shrink_to(64 * 1024);
        written
    }

    /// From now on the other log is written to, if what it held is in the file.
    pub(super) fn switch(&mut self) {
        let other = 1 - self.current;
        if self.logs[other].length == 0 && !self.logs[other].torn {
            self.current = other;
        }
    }

    /// What was written before the last [`switch`](Self::switch) is in the file.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.logs[1 - self.current].empty()
    }

    /// Starts anew: all that was in turn is in the file.
    ///
    /// This is synced. What was out of turn must not come back after a power cut, when new changes have been
    /// given the numbers that were missing before it.
    pub(super) fn start_anew(&mut self) -> io::Result<()> {
        self.logs.iter_mut().try_for_each(|log| log.empty().and_then(|()| log.file.sync_all()))
    }
}

fn paths(file: &Path) -> [PathBuf; 2] {
    [".log1", ".log2"].map(|suffix| {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        path.into()
    })
}

impl Log {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, torn: false })
    }

    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if self.torn {
            return Err(io::Error::other("the log ends in half a record"));
        }
        match self.file.write_all(record) {
            Ok(()) => {
                self.length += record.len() as u64;
                Ok(())
            }
            Err(error) => {
                let taken_back =
                    self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::End(0)));
                self.torn = taken_back.is_err();
                Err(error)
            }
        }
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.length = 0;
        self.torn = false;
        Ok(())
    }
}

fn encode(buffer: &mut Vec<u8>, sequence: u64, key: &str, entry: Option<&Entry>) -> io::Result<()> {
    let value = entry.map_or("", |entry| &entry.value);
    let too_long = |_| io::Error::new(ErrorKind::InvalidInput, "the value has more than 4 GiB");
    let length = u32::try_from(FIXED + key.len() + value.len()).map_err(too_long)?;
    let key_length = u32::try_from(key.len()).map_err(too_long)?;
    let kind = entry.map_or(0, |entry| {
        let volatile = if entry.keep == Keep::Volatile { VOLATILE } else { 0 };
        PUT | volatile | if entry.ends.is_some() { ENDS } else { 0 }
    });
    let ends = entry.and_then(|entry| entry.ends).unwrap_or_default().0;
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&sequence.to_le_bytes());
    buffer.push(kind);
    buffer.extend_from_slice(&ends.to_le_bytes());
    buffer.extend_from_slice(&key_length.to_le_bytes());
    buffer.extend_from_slice(key.as_bytes());
    buffer.extend_from_slice(value.as_bytes());
    let checksum = crc32fast::hash(&buffer[HEAD..]);
    buffer[4..HEAD].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// The whole records at the start of some bytes.
struct Changes<'a>(&'a [u8]);

impl Iterator for Changes<'_> {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return None;
        }
        self.0 = rest;
        decode(body)
    }
}

fn decode(body: &[u8]) -> Option<Change> {
    let (sequence, body) = body.split_first_chunk()?;
    let (kind, body) = body.split_first()?;
    let (ends, body) = body.split_first_chunk()?;
    let (key_length, body) = body.split_first_chunk()?;
    let (key, value) = body.split_at_checked(u32::from_le_bytes(*key_length) as usize)?;
    let sequence = u64::from_le_bytes(*sequence);
    let (key, value) = (str::from_utf8(key).ok()?.into(), str::from_utf8(value).ok()?);
    let entry = (kind & PUT != 0).then(|| Entry {
        value: value.into(),
        ends: (kind & ENDS != 0).then(|| Timestamp(i64::from_le_bytes(*ends))),
        keep: if kind & VOLATILE == 0 { Keep::Always } else { Keep::Volatile },
        sequence,
    });
    Some(Change { sequence, key, entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &str, sequence: u64) -> Entry {
        Entry { value: value.into(), ends: Some(Timestamp(7)), keep: Keep::Volatile, sequence }
    }

    /// What the logs show after `sequence`.
    fn numbers(file: &Path, sequence: u64) -> Vec<u64> {
        let changes = Journal::open(file).unwrap().read_after(sequence).unwrap();
        changes.into_iter().map(|change| change.sequence).collect()
    }

    #[test]
    fn changes_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kv");
        let mut journal = Journal::open(&file).unwrap();
        journal.append(1, "ключ", Some(&entry("\0🦀", 1))).unwrap();
        journal.append(2, "ключ", None).unwrap();
        let expected = [
            Change { sequence: 1, key: "ключ".into(), entry: Some(entry("\0🦀", 1)) },
            Change { sequence: 2, key: "ключ".into(), entry: None },
        ];
        assert_eq!(Journal::open(&file).unwrap().read_after(0).unwrap(), expected);
        assert_eq!(numbers(&file, 1), [2]);
    }

    #[test]
    fn reading_stops_where_a_record_is_torn_or_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kv");
        let mut journal = Journal::open(&file).unwrap();
        for sequence in 1..=3 {
            journal.append(sequence, "key", Some(&entry("value", sequence))).unwrap();
        }
        let log = &paths(&file)[0];
        let whole = std::fs::read(log).unwrap();
        let record = whole.len() / 3;
        for cut in 0..whole.len() {
            std::fs::write(log, &whole[..cut]).unwrap();
            assert_eq!(numbers(&file, 0).len(), cut / record, "cut at {cut}");
        }
        for place in record..2 * record {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(log, changed).unwrap();
            assert_eq!(numbers(&file, 0), [1], "changed at {place}");
        }
    }

    #[test]
    fn both_logs_are_read_in_order_and_without_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kv");
        let mut journal = Journal::open(&file).unwrap();
        for sequence in 1..=6 {
            if sequence == 4 {
                journal.switch();
            }
            journal.append(sequence, "key", None).unwrap();
        }
        assert_eq!(numbers(&file, 0), [1, 2, 3, 4, 5, 6]);
        assert_eq!(numbers(&file, 2), [3, 4, 5, 6]);
        // the first log never reached the disk: what is in the second may not come back without it
        let first = &paths(&file)[0];
        let bytes = std::fs::read(first).unwrap();
        std::fs::write(first, &bytes[..bytes.len() / 3]).unwrap();
        assert_eq!(numbers(&file, 0), [1]);
        assert_eq!(numbers(&file, 3), [4, 5, 6]);
    }

    #[test]
    fn a_log_is_used_again_only_when_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kv");
        let mut journal = Journal::open(&file).unwrap();
        journal.append(1, "key", None).unwrap();
        journal.switch();
        journal.append(2, "key", None).unwrap();
        journal.switch();
        assert_eq!(journal.current, 1, "the first log is not settled");
        journal.settle().unwrap();
        assert_eq!(numbers(&file, 1), [2]);
        journal.switch();
        assert_eq!(journal.current, 0);
    }
}
