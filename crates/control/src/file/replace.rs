//! A file that takes the place of another at once, or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The end of the name of what is not finished.
const UNFINISHED: &str = ".unfinished";

/// Whether a file of that name is what was not finished.
pub(super) fn is_left_over(name: &str) -> bool {
    name.ends_with(UNFINISHED)
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Replacement {
    place: Place,
    writer: BufWriter<File>,
}

/// A file that is on the disk, and has to be put in its place.
#[derive(Debug)]
pub(super) struct Place {
    unfinished: PathBuf,
    path: PathBuf,
}

impl Replacement {
    /// Begins to write a file of that name, for its owner alone.
    pub(super) fn begin(folder: &Path, name: &str) -> io::Result<Self> {
        let place = Place { unfinished: folder.join(format!("{name}{UNFINISHED}")), path: folder.join(name) };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&place.unfinished)?;
        Ok(Self { place, writer: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Brings it to the disk, still beside the other; how long it is.
    pub(super) fn finish(self) -> io::Result<Place> {
        let Self { place, writer } = self;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(place)
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Place {
    /// Puts it in its place. The folder has to be brought to the disk afterwards.
    pub(super) fn put(self) -> io::Result<()> {
        std::fs::rename(&self.unfinished, &self.path)
    }
}
