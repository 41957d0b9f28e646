//! The folder of a store: whose it is, and who has it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::replace::{Replacement, is_left_over};
use crate::store::SCHEMA;
use crate::{ControlError, Gproxy};

const LOCK: &str = ".penstock.lock";
const STAMP: &str = "schema_version.json";
/// What a running GPROXY holds.
const GPROXY_LOCK: &str = ".gproxy.lock";
/// What the stamp says of who wrote it.
const PROGRAM: &str = "penstock";

/// What marks a folder as ours. Later fields may be added, not these changed.
#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    program: String,
    schema_version: i64,
}

/// The right to a folder, as long as it is held.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// What is in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A store of this schema.
    Store,
}

/// Looks whose the folder is, and changes nothing.
pub(super) fn look(folder: &Path) -> Result<Found, ControlError> {
    let unavailable = |error: io::Error| ControlError::Unavailable(format!("{}: {error}", folder.display()));
    match std::fs::read(folder.join(STAMP)) {
        Ok(bytes) => {
            let foreign = || ControlError::Foreign { table: STAMP.to_owned() };
            let stamp: Stamp = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
            match stamp.schema_version {
                _ if stamp.program != PROGRAM => Err(foreign()),
                found if found > SCHEMA => Err(ControlError::TooNew { found, known: SCHEMA }),
                _ => Ok(Found::Store),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refuse_gproxy(folder)?;
            match foreign(folder) {
                Ok(None) => Ok(Found::Nothing),
                Ok(Some(table)) => Err(ControlError::Foreign { table }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
                Err(error) => Err(unavailable(error)),
            }
        }
        Err(error) => Err(unavailable(error)),
    }
}

/// The name of something in the folder that is not ours.
fn foreign(folder: &Path) -> io::Result<Option<String>> {
    let mut foreign = None;
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name == STAMP {
            // another process has just made the store
            return Ok(None);
        }
        if name != LOCK && !is_left_over(&name) {
            foreign = Some(name);
        }
    }
    Ok(foreign)
}

/// GPROXY keeps its files in the data folder itself, under such names.
fn refuse_gproxy(folder: &Path) -> Result<(), ControlError> {
    for place in [Some(folder), folder.parent()].into_iter().flatten() {
        if place.join(GPROXY_LOCK).exists() {
            // its first version has no such lock
            return Err(ControlError::OfGproxy {
                place: place.display().to_string(),
                version: Gproxy::Second,
            });
        }
    }
    Ok(())
}

/// Makes the folder where it is missing, for its owner alone.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync)
}

/// Marks the folder as ours.
pub(super) fn stamp(folder: &Path) -> io::Result<()> {
    let stamp = Stamp { program: PROGRAM.to_owned(), schema_version: SCHEMA };
    let mut replacement = Replacement::begin(folder, STAMP)?;
    serde_json::to_writer_pretty(&mut replacement, &stamp)?;
    replacement.finish()?.put()?;
    sync(folder)
}

/// Takes the folder for this process; `None` if another has it.
pub(super) fn lock(folder: &Path) -> io::Result<Option<Lock>> {
    if [Some(folder), folder.parent()].into_iter().flatten().any(is_held_by_gproxy) {
        return Ok(None);
    }
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_held_by_gproxy(folder: &Path) -> bool {
    let lock = File::open(folder.join(GPROXY_LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Removes what a checkpoint that was cut has left.
pub(super) fn clean(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_left_over) {
            removed(std::fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

/// Brings the names in a folder to the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// That it was not there is as good.
pub(super) fn removed(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// The file of a table.
pub(super) fn table(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}
