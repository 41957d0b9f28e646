//! Folders by handle. Each step is taken from the folder before, by one name, and never through a link: so
//! nothing outside of the root can be reached, whatever is planted in it, and whenever.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, fsync, mkdirat, openat, unlinkat};
use rustix::io::Errno;

/// Only the gateway's own account reads blobs.
pub(super) const FOLDER_MODE: Mode = Mode::RWXU;
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The folder at `path`: the root, whose own path may have links.
pub(super) fn root(path: &std::path::Path) -> io::Result<OwnedFd> {
    Ok(openat(rustix::fs::CWD, path, FOLDER, Mode::empty())?)
}

fn step(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    openat(parent, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
}

/// Whether the answer means that no blob is there: nothing is, or a link, or something else than expected.
pub(super) fn is_missing(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO)
}

/// The folder below `root` that these names lead to, if there is one.
pub(super) fn find(root: OwnedFd, names: &[String]) -> io::Result<Option<OwnedFd>> {
    let mut folder = root;
    for name in names {
        folder = match step(&folder, name) {
            Ok(next) => next,
            Err(error) if is_missing(error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
    }
    Ok(Some(folder))
}

/// The same, made where it is missing, and durable. `None` if a folder went away meanwhile.
pub(super) fn make(root: OwnedFd, names: &[String]) -> io::Result<Option<OwnedFd>> {
    let mut folder = root;
    for name in names {
        let next = match step(&folder, name) {
            Err(Errno::NOENT) => match mkdirat(&folder, name.as_str(), FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => step(&folder, name),
                Err(error) => Err(error),
            },
            found => found,
        };
        let next = match next {
            Ok(next) => next,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // also where it was there before: who made it may not be done with this
        fsync(&folder)?;
        folder = next;
    }
    Ok(Some(folder))
}

/// Removes the folders that are empty, from the last one up. What another writer is about to put into one
/// fails there, and begins anew.
pub(super) fn tidy(path: &std::path::Path, names: &[String]) -> io::Result<()> {
    for depth in (1..=names.len()).rev() {
        let Some((name, above)) = names.get(..depth).and_then(<[_]>::split_last) else { break };
        let Some(parent) = find(root(path)?, above)? else { break };
        if unlinkat(parent, name.as_str(), AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
    Ok(())
}
