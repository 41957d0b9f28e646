//! The file of an in-process store.
//!
//! redb syncs each commit and survives a crash in the middle of one. It also holds the number of the last
//! change in it, in the same commit, so that the [journal](super::journal) is read from there. Commits that
//! redb does not sync live in its memory only, which is why they are no substitute for the journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_core::Timestamp;
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::BACKEND;
use super::table::Entry;
use crate::kv::Keep;
use crate::{ErrorKind, Result, StorageError};

/// When it ends in Unix milliseconds, whether it may go, the change that wrote it, and the value.
type Row<'a> = (Option<i64>, bool, u64, &'a str);

const ENTRIES: TableDefinition<&str, Row> = TableDefinition::new("entries");
const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
/// The row of `ABOUT` with the number of the last change.
const SEQUENCE: &str = "sequence";
/// The row of `ABOUT` with the version of this layout.
const FORMAT: &str = "format";
const FORMAT_NOW: u64 = 1;
/// All reading is done at the start, and memory holds the entries: a cache of redb's own would hold them twice.
const CACHE: usize = 4 << 20;

/// The open file.
#[derive(Debug)]
pub(super) struct KvFile {
    path: PathBuf,
    /// `None` after an error: redb does nothing more with a file that could not be written.
    database: Option<Database>,
}

/// What the file held.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) entries: Vec<(Arc<str>, Entry)>,
    pub(super) sequence: u64,
}

impl KvFile {
    /// Opens the file, or makes it; no other process may have it open.
    pub(super) fn open(path: &Path) -> Result<Self> {
        match database(path) {
            Ok(database) => Ok(Self { path: path.to_owned(), database: Some(database) }),
            Err(DatabaseError::DatabaseAlreadyOpen) => Err(opening(
                ErrorKind::Unavailable,
                format!("{} is open already: stop the other process, or name another file", path.display()),
            )),
            Err(error) => {
                let message = format!("{} cannot be opened", path.display());
                Err(opening(ErrorKind::Internal, message).with_source(error))
            }
        }
    }

    /// The database, opened anew where it had to be given up.
    fn database(&mut self) -> std::result::Result<&Database, redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => database(&self.path)?,
        };
        Ok(self.database.insert(database))
    }

    /// Reads everything.
    pub(super) fn read(&mut self) -> Result<Contents> {
        let damaged = |error: redb::Error| {
            opening(ErrorKind::Internal, "the file cannot be read".to_owned()).with_source(error)
        };
        let (format, contents) = self.try_read().map_err(damaged)?;
        match format {
            None | Some(FORMAT_NOW) => Ok(contents),
            Some(format) => Err(opening(
                ErrorKind::Unsupported,
                format!("the file has format {format}, expected {FORMAT_NOW}: a later Penstock wrote it"),
            )),
        }
    }

    fn try_read(&mut self) -> std::result::Result<(Option<u64>, Contents), redb::Error> {
        let database = self.database()?;
        // both tables must be there to be read, and what a later version wrote must not be touched
        let transaction = database.begin_write()?;
        let (format, sequence) = {
            let about = transaction.open_table(ABOUT)?;
            let number = |name| about.get(name).map(|found| found.map(|number| number.value()));
            (number(FORMAT)?, number(SEQUENCE)?.unwrap_or(0))
        };
        if format.is_some_and(|format| format != FORMAT_NOW) {
            return Ok((format, Contents { entries: Vec::new(), sequence }));
        }
        transaction.open_table(ENTRIES)?;
        transaction.commit()?;
        let mut entries = Vec::new();
        for row in database.begin_read()?.open_table(ENTRIES)?.iter()? {
            let (key, row) = row?;
            let (ends, is_volatile, sequence, value) = row.value();
            let keep = if is_volatile { Keep::Volatile } else { Keep::Always };
            let entry = Entry { value: value.into(), ends: ends.map(Timestamp), keep, sequence };
            entries.push((key.value().into(), entry));
        }
        Ok((format, Contents { entries, sequence }))
    }

    /// Writes what changed up to the change `sequence`, and syncs it. After an error it may be tried again.
    pub(super) fn write(&mut self, changes: &[(Arc<str>, Option<Entry>)], sequence: u64) -> Result<()> {
        self.try_write(changes, sequence).map_err(|error| {
            self.database = None;
            // at once, so that no other process takes the file meanwhile
            let _ = self.database();
            StorageError::new(ErrorKind::Internal, BACKEND, "kv.write", "the file cannot be written")
                .with_source(error)
        })
    }

    fn try_write(
        &mut self,
        changes: &[(Arc<str>, Option<Entry>)],
        sequence: u64,
    ) -> std::result::Result<(), redb::Error> {
        let transaction = self.database()?.begin_write()?;
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            for (key, entry) in changes {
                let key = &**key;
                match entry {
                    Some(Entry { value, ends, keep, sequence }) => {
                        let ends = ends.map(|ends| ends.0);
                        entries.insert(key, (ends, *keep == Keep::Volatile, *sequence, &**value))?;
                    }
                    None => {
                        entries.remove(key)?;
                    }
                }
            }
            let mut about = transaction.open_table(ABOUT)?;
            about.insert(FORMAT, FORMAT_NOW)?;
            about.insert(SEQUENCE, sequence)?;
        }
        Ok(transaction.commit()?)
    }
}

fn database(path: &Path) -> std::result::Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE).create(path)
}

fn opening(kind: ErrorKind, message: String) -> StorageError {
    StorageError::new(kind, BACKEND, "kv.open", message).with_retry(crate::Retry::Never)
}
