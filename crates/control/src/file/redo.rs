//! The redo log: what was written since the files of the tables were, and the truth until they are again.
//!
//! It is a row of numbered files. A checkpoint begins the next one, and removes the older ones when the tables are on
//! the disk; records are numbered through all of them.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::folder::{removed, sync};
use super::memory::Memory;
use super::record::{decode, encode};
use super::stage::stage;
use crate::ControlError;

/// The end that is written to.
#[derive(Debug)]
pub(super) struct Redo {
    folder: PathBuf,
    /// The number of the file.
    number: u64,
    /// There once something was written.
    file: Option<File>,
    /// How long the records in it are. What follows is torn, and goes before the next record.
    end: u64,
    is_torn: bool,
    /// The number of the last record.
    last: u64,
    /// Bytes of older files, which a checkpoint will remove.
    older: u64,
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("redo-{number:016x}.log"))
}

/// The number of the log of that name.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("redo-")?.strip_suffix(".log")?;
    u64::from_str_radix(digits, 16).ok()
}

/// The numbers of the logs in a folder, in order.
fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

impl Redo {
    /// Reads what is there into the rows, and adds the tables it is about. Nothing is changed on the disk.
    pub(super) fn read(
        folder: &Path,
        memory: &mut Memory,
        touched: &mut BTreeSet<&'static str>,
    ) -> Result<Self, ControlError> {
        let read = |error: io::Error| ControlError::Unavailable(format!("{}: {error}", folder.display()));
        let mut numbers = list(folder).map_err(read)?;
        let newest = numbers.last().copied().unwrap_or(1);
        // one without anything in it was begun in vain
        while let Some(last) = numbers.last()
            && std::fs::metadata(path(folder, *last)).map_err(read)?.len() == 0
        {
            numbers.pop();
        }
        let mut redo = Self {
            folder: folder.to_owned(),
            number: numbers.last().copied().unwrap_or(newest),
            file: None,
            end: 0,
            is_torn: false,
            last: 0,
            older: 0,
        };
        let mut last = None;
        for number in &numbers {
            let path = path(folder, *number);
            let damaged = |at: usize, why: &str| ControlError::Corrupt {
                what: format!("a redo log {}", path.display()),
                value: format!("from byte {at}: {why}"),
            };
            let bytes = std::fs::read(&path).map_err(read)?;
            let content = decode(&bytes, last).map_err(|found| {
                damaged(found.at, "expected a record, found other bytes: restore a backup")
            })?;
            let is_torn = content.end < bytes.len();
            if is_torn && *number != redo.number {
                return Err(damaged(content.end, "it ends in the middle of a record, and others follow"));
            }
            for lines in &content.records {
                let replayed = memory.replay(lines, touched);
                replayed.map_err(|why| damaged(content.end, &why))?;
            }
            if is_torn {
                let bytes = bytes.len() - content.end;
                tracing::warn!(log = %path.display(), bytes, "a write that was never finished is left out");
            }
            last = if content.records.is_empty() { last } else { Some(content.last) };
            redo.older += redo.end;
            redo.end = content.end as u64;
            redo.is_torn = is_torn;
        }
        redo.last = last.unwrap_or_default();
        Ok(redo)
    }

    /// Writes a record, and brings it to the disk. After an error nothing of it counts.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.repair()?;
        }
        let too_long = || io::Error::new(io::ErrorKind::FileTooLarge, "a write of more than 4 GiB");
        let record = encode(self.last + 1, lines).ok_or_else(too_long)?;
        let end = self.end;
        let file = self.open()?;
        stage("before a record");
        let (half, rest) = record.split_at(record.len() / 2);
        // in one go but for the tests, which stop here
        let written = if cfg!(test) {
            file.write_all_at(half, end).and_then(|()| {
                stage("in the middle of a record");
                file.write_all_at(rest, end + half.len() as u64)
            })
        } else {
            file.write_all_at(&record, end)
        };
        stage("before a record is on the disk");
        if let Err(error) = written.and_then(|()| file.sync_data()) {
            self.is_torn = true;
            // now, if it can be, so that nobody ever reads it; else before the next record
            drop(self.repair());
            return Err(error);
        }
        stage("when a record is on the disk");
        self.end += record.len() as u64;
        self.last += 1;
        Ok(())
    }

    /// Cuts off what is no whole record.
    fn repair(&mut self) -> io::Result<()> {
        let end = self.end;
        let file = self.open()?;
        file.set_len(end)?;
        file.sync_all()?;
        self.is_torn = false;
        Ok(())
    }

    fn open(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(path(&self.folder, self.number))?;
            // the name must survive a power cut as well as the content
            sync(&self.folder)?;
            self.file = Some(file);
        }
        Ok(self.file.as_ref().expect("it was just opened"))
    }

    /// Begins the next file, if there is anything in this one; returns the number from which on what is written is
    /// newer than now.
    pub(super) fn turn(&mut self) -> io::Result<u64> {
        if self.is_torn {
            self.repair()?;
        }
        if self.end > 0 {
            // an empty file may be left of a turn that failed
            let before = (self.number, self.end, self.file.take());
            self.number += 1;
            self.end = 0;
            if let Err(error) = self.open() {
                (self.number, self.end, self.file) = before;
                return Err(error);
            }
            self.older += before.1;
        }
        Ok(self.number)
    }

    /// Removes the files before that number, now that what is in them is in the tables.
    pub(super) fn forget(folder: &Path, before: u64) -> io::Result<()> {
        for number in list(folder)?.into_iter().filter(|number| *number < before) {
            removed(std::fs::remove_file(path(folder, number)))?;
            // one after the other: a gap among them would look like damage
            sync(folder)?;
            stage("when a log is removed");
        }
        Ok(())
    }

    /// Takes note that older files are gone.
    pub(super) fn forgotten(&mut self) {
        self.older = 0;
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.older + self.end
    }
}
