//! One preallocated file of the journal.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, fallocate};

use super::record::{Draft, Kind};

/// A segment that is being written. Writers take their place with one atomic addition, so no request
/// waits for another.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: u64,
    pub(super) path: PathBuf,
    file: File,
    capacity: u64,
    cursor: AtomicU64,
    /// Begun requests, and ended ones not yet applied, that have a record here.
    held: AtomicU64,
    dirty: AtomicBool,
    /// Says that the disk fails, which a test cannot have otherwise.
    #[cfg(test)]
    pub(super) fails_to_sync: AtomicBool,
}

impl Segment {
    /// Makes the file for segment `id` and reserves its room on disk.
    pub(super) fn create(dir: &Path, id: u64, capacity: u64) -> io::Result<Self> {
        let path = path(dir, id);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let reserved = match fallocate(&file, FallocateFlags::empty(), 0, capacity) {
            // some file systems cannot reserve; a full disk then shows at the write
            Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(capacity),
            other => other.map_err(io::Error::from),
        };
        // the name must survive a power cut as well as the content
        let reserved = reserved.and_then(|()| File::open(dir)?.sync_all());
        if let Err(error) = reserved {
            drop(std::fs::remove_file(&path));
            return Err(error);
        }
        Ok(Self::of(file, path, id, capacity))
    }

    /// Makes segment `id` of the file of one that is finished with: there, writing is half the work, since all of it
    /// is on the disk already and in the system's cache. What stands in it is not taken for records of this one, and
    /// nobody writes to the finished one any more: whoever found it full has moved its cursor past its end.
    pub(super) fn reuse(finished: &Self, dir: &Path, id: u64) -> io::Result<Self> {
        let path = path(dir, id);
        let file = finished.file.try_clone()?;
        std::fs::rename(&finished.path, &path)?;
        // after a power cut, records under the old name would be none
        if let Err(error) = File::open(dir).and_then(|dir| dir.sync_all()) {
            drop(std::fs::remove_file(&path));
            return Err(error);
        }
        Ok(Self::of(file, path, id, finished.capacity))
    }

    fn of(file: File, path: PathBuf, id: u64, capacity: u64) -> Self {
        Self {
            id,
            path,
            file,
            capacity,
            cursor: AtomicU64::new(0),
            held: AtomicU64::new(0),
            dirty: AtomicBool::new(false),
            #[cfg(test)]
            fails_to_sync: AtomicBool::new(false),
        }
    }

    /// Writes a record and holds the segment; false if it does not fit any more.
    pub(super) fn append(&self, kind: Kind, record: &mut Draft) -> io::Result<bool> {
        let size = record.size();
        // held before the place is taken: the segment must not look finished in between
        self.hold();
        let offset = self.cursor.fetch_add(size, Ordering::Relaxed);
        if offset + size > self.capacity {
            self.release();
            return Ok(false);
        }
        let written = self.file.write_all_at(record.place(self.id, offset, kind), offset);
        if let Err(error) = written {
            self.release();
            return Err(error);
        }
        self.dirty.store(true, Ordering::Release);
        Ok(true)
    }

    pub(super) fn hold(&self) {
        self.held.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn release(&self) {
        self.held.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Acquire)
    }

    /// Brings everything that this thread has written to the disk, whoever else is at it.
    pub(super) fn sync_now(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.fails_to_sync.load(Ordering::Acquire) {
            return Err(rustix::io::Errno::IO.into());
        }
        self.file.sync_data()
    }

    /// Brings what was written to the disk, if anything was.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.dirty.swap(false, Ordering::AcqRel) {
            self.file.sync_data().inspect_err(|_| self.dirty.store(true, Ordering::Release))?;
        }
        Ok(())
    }
}

/// The file name of segment `id`.
pub(super) fn path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:016x}.journal"))
}

/// The ids of the segments in `dir`, oldest first.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        ids.extend(id.and_then(|hex| u64::from_str_radix(hex, 16).ok()));
    }
    ids.sort_unstable();
    Ok(ids)
}
