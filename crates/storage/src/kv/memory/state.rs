//! What an in-process store changes in one step, in its memory and in its log.

use std::io;
use std::path::Path;
use std::sync::Arc;

use penstock_core::Timestamp;
use tokio::sync::oneshot;

use super::BACKEND;
use super::file::KvFile;
use super::journal::Journal;
use super::table::{Entry, Table};
use crate::kv::{Keep, Ttl, milliseconds};
use crate::{ErrorKind, Result, Retry, StorageError};

/// All that is under the lock.
pub(super) struct State {
    pub(super) table: Table,
    pub(super) journal: Option<Journal>,
    /// The number of the last change.
    pub(super) sequence: u64,
    /// A write was refused for want of room, and there has not been room to speak of since.
    pub(super) is_full: bool,
    /// A write was refused because the disk is full, and the file has not been written since.
    pub(super) is_disk_full: bool,
    pub(super) is_closed: bool,
    /// Those who wait until all that they see is in the file.
    pub(super) waiting: Vec<oneshot::Sender<Result<()>>>,
    /// Those who wait until the file is closed.
    pub(super) leaving: Vec<oneshot::Sender<Result<()>>>,
}

/// What an operation does to its entry.
pub(super) enum Change {
    Nothing,
    Put(Arc<str>, Ttl, Keep),
    /// Another value, for as long as the entry was to live anyway.
    Count(Arc<str>),
    Remove,
}

impl Change {
    pub(super) fn put(value: &str, ttl: Ttl, keep: Keep) -> Self {
        match ttl {
            Ttl::Expired => Self::Remove,
            Ttl::Forever | Ttl::For(_) => Self::Put(value.into(), ttl, keep),
        }
    }
}

impl State {
    /// Reads the file and its logs, brings both together, and writes from now on.
    pub(super) fn recover(&mut self, path: &Path, now: Timestamp) -> Result<KvFile> {
        let mut file = KvFile::open(path)?;
        let failed = |error| {
            let message = format!("the logs beside {} cannot be read and emptied", path.display());
            StorageError::new(ErrorKind::Internal, BACKEND, "kv.open", message).with_source(error)
        };
        let mut contents = file.read()?;
        // so that the oldest go first if the limit was lowered
        contents.entries.sort_by_key(|(_, entry)| entry.sequence);
        self.sequence = contents.sequence;
        for (key, entry) in contents.entries {
            self.table.put(&key, entry);
        }
        self.table.is_loaded();
        let mut journal = Journal::open(path).map_err(failed)?;
        for change in journal.read_after(self.sequence).map_err(failed)? {
            self.sequence = change.sequence;
            match change.entry {
                Some(entry) => self.table.put(&change.key, entry),
                None => {
                    self.table.remove(&change.key);
                }
            }
        }
        self.table.sweep(now);
        file.write(&self.table.take_touched(), self.sequence)?;
        journal.start_anew().map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        self.journal = Some(journal);
        Ok(file)
    }

    /// Makes the change, or leaves everything as it was.
    pub(super) fn apply(
        &mut self,
        operation: &'static str,
        key: &str,
        change: Change,
        now: Timestamp,
    ) -> Result<()> {
        let (value, ends, keep) = match change {
            Change::Nothing => return Ok(()),
            Change::Remove => return self.remove(operation, key),
            Change::Put(value, ttl, keep) => (value, ends(ttl, now), keep),
            Change::Count(value) => {
                (value, self.table.get(key, now).and_then(|entry| entry.ends), Keep::Always)
            }
        };
        let entry = Entry { value, ends, keep, sequence: self.sequence + 1 };
        self.make_room(operation, key, &entry, now)?;
        self.log(operation, key, Some(&entry))?;
        self.table.put(key, entry);
        Ok(())
    }

    fn remove(&mut self, operation: &'static str, key: &str) -> Result<()> {
        // what is over is removed too, so that it is not looked at again
        if self.table.get(key, Timestamp(i64::MIN)).is_none() {
            return Ok(());
        }
        self.log(operation, key, None)?;
        self.table.remove(key);
        Ok(())
    }

    fn make_room(&mut self, operation: &'static str, key: &str, entry: &Entry, now: Timestamp) -> Result<()> {
        if self.table.has_room(key, entry) {
            return Ok(());
        }
        if self.table.sweep(now) > 0 && self.table.has_room(key, entry) {
            return Ok(());
        }
        metrics::counter!("penstock_kv_full_total").increment(1);
        let (bytes, limit) = (self.table.bytes(), self.table.limit());
        if !std::mem::replace(&mut self.is_full, true) {
            tracing::error!(bytes, limit, "the key-value store is full, and refuses writes: raise its limit");
        }
        let message = format!("expected room for an entry, found {bytes} of {limit} bytes taken");
        Err(StorageError::new(ErrorKind::Full, BACKEND, operation, message))
    }

    /// Hands the change to the operating system, before it is made and acknowledged.
    fn log(&mut self, operation: &'static str, key: &str, entry: Option<&Entry>) -> Result<()> {
        let sequence = self.sequence + 1;
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.append(sequence, key, entry)
        {
            return Err(self.not_logged(operation, error));
        }
        self.sequence = sequence;
        Ok(())
    }

    /// A full disk is no outage: what is there can be read, and room may come back.
    fn not_logged(&mut self, operation: &'static str, error: io::Error) -> StorageError {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let (kind, message) = if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            metrics::counter!("penstock_kv_full_total").increment(1);
            if !std::mem::replace(&mut self.is_disk_full, true) {
                tracing::error!(%error, "the key-value store refuses writes: make room on its disk");
            }
            (ErrorKind::Full, "expected room on the disk for its log")
        } else {
            (ErrorKind::Unavailable, "the log cannot be written")
        };
        StorageError::new(kind, BACKEND, operation, message).with_retry(Retry::Later).with_source(error)
    }
}

/// A power cut must not take the names of new files.
#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if folder != Path::new("") => std::fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn ends(ttl: Ttl, now: Timestamp) -> Option<Timestamp> {
    match ttl {
        Ttl::For(lifetime) => {
            let lifetime = i64::try_from(milliseconds(lifetime)).unwrap_or(i64::MAX);
            Some(Timestamp(now.0.saturating_add(lifetime)))
        }
        Ttl::Forever | Ttl::Expired => None,
    }
}
