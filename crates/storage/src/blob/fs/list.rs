//! Which blobs are in the folder of a prefix, and below.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::folder;
use super::name::{self, Kind, Place};
use crate::blob::Key;

/// A folder yet to be read.
struct Next {
    names: Vec<String>,
    /// What the keys in it begin with: may be cut within a letter.
    begins: Vec<u8>,
}

/// The keys below `root` that start with `prefix`, sorted. While a folder is read, no `renames` happen.
pub(super) fn list(root: &Path, folder: &str, prefix: &str, renames: &RwLock<()>) -> io::Result<Vec<String>> {
    let mut begins = folder.as_bytes().to_vec();
    if !folder.is_empty() {
        begins.push(b'/');
    }
    let mut keys = Vec::new();
    let mut folders = vec![Next { names: name::folders(folder), begins }];
    while let Some(next) = folders.pop() {
        // from the root each time: to keep those above open would take as many files as a key has folders
        let Some(handle) = folder::find(folder::root(root)?, &next.names)? else { continue };
        for (found, kind) in entries(&handle, renames)? {
            let mut begins = next.begins.clone();
            match (name::decode(&found, &mut begins), kind) {
                (Some(Kind::File), Kind::File) if begins.starts_with(prefix.as_bytes()) => {
                    keys.extend(key(begins, &next.names, &found));
                }
                (Some(Kind::Folder), Kind::Folder) if may_hold(&begins, prefix.as_bytes()) => {
                    let names = next.names.iter().cloned().chain([found]).collect();
                    folders.push(Next { names, begins });
                }
                _ => {}
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

fn may_hold(begins: &[u8], prefix: &[u8]) -> bool {
    begins.starts_with(prefix) || prefix.starts_with(begins)
}

/// The key, if this is just how it is written.
fn key(bytes: Vec<u8>, folders: &[String], file: &str) -> Option<String> {
    let key = String::from_utf8(bytes).ok().filter(|key| Key::new(key.as_str()).is_ok())?;
    let Place { folders: expected, file: name } = name::place(&key);
    (expected == folders && name == file).then_some(key)
}

/// The files and folders in a folder; no links, and nothing else.
fn entries(folder: &OwnedFd, renames: &RwLock<()>) -> io::Result<Vec<(String, Kind)>> {
    // a file that is replaced while its folder is read may be passed over, on some file systems
    let _held = renames.write().unwrap_or_else(PoisonError::into_inner);
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = match entry {
            // the folder went away
            Err(Errno::NOENT) => break,
            entry => entry?,
        };
        let Ok(name) = entry.file_name().to_str() else { continue };
        let kind = match entry.file_type() {
            // some file systems do not say
            FileType::Unknown => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(status) => FileType::from_raw_mode(status.st_mode),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            },
            kind => kind,
        };
        match kind {
            FileType::RegularFile => found.push((name.to_owned(), Kind::File)),
            FileType::Directory => found.push((name.to_owned(), Kind::Folder)),
            _ => {}
        }
    }
    Ok(found)
}
