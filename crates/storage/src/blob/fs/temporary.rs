//! Files that are written and not yet there.
//!
//! They are in one folder of the root, so that a rename puts them into place. As long as one is written it
//! is locked; one that is not locked is left over from a crash.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use super::folder::{self, FOLDER_MODE};

/// No key has this name: see [`name`](super::name).
const FOLDER: &str = "%tmp";
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Tells the files of one process apart; that of another has another id, and a name that is taken is passed.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A file that goes away unless it is kept.
#[derive(Debug)]
pub(super) struct Temporary {
    /// Where it is.
    pub(super) folder: OwnedFd,
    /// Its name there.
    pub(super) name: String,
    /// To write to; locked until this is dropped.
    pub(super) file: File,
    kept: bool,
}

impl Temporary {
    /// A new, empty one.
    pub(super) fn new(root: &OwnedFd) -> io::Result<Self> {
        let folder = open(root)?;
        loop {
            let name = format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = match openat(&folder, name.as_str(), flags, FILE_MODE) {
                Err(Errno::EXIST) => continue,
                file => file?,
            };
            flock(&file, FlockOperation::LockExclusive)?;
            // between its making and the lock someone may have taken it for left over
            if fstat(&file)?.st_nlink > 0 {
                return Ok(Self { folder, name, file: file.into(), kept: false });
            }
        }
    }

    /// It has another name now.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            let _ = unlinkat(&self.folder, self.name.as_str(), AtFlags::empty());
        }
    }
}

fn open(root: &OwnedFd) -> io::Result<OwnedFd> {
    match mkdirat(root, FOLDER, FOLDER_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let found = folder::find(root.try_clone()?, &[FOLDER.to_owned()])?;
    found.ok_or_else(|| Errno::NOTDIR.into())
}

/// Removes what a crash has left.
pub(super) fn clean(root: &OwnedFd) -> io::Result<()> {
    let folder = open(root)?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(&folder, entry.file_name(), flags, Mode::empty()) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = unlinkat(&folder, entry.file_name(), AtFlags::empty());
        }
    }
    Ok(())
}
