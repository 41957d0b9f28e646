//! Blobs as files below a folder.
//!
//! A blob is written to a temporary file, made durable, and renamed into place: a reader sees the old one or
//! the new one. Nothing outside of the folder can be reached, as `folder` says, and which file a key has
//! says `name`. Several processes may use one folder, if its file system locks files.
//!
//! This goes down to the handles of folders, by `rustix`: of the libraries that confine paths, `cap-std`
//! follows links within the root, and `object_store` follows any.

mod folder;
mod list;
mod name;
mod temporary;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fsync, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use self::name::{Place, place};
use self::temporary::Temporary;
use super::{BlobStore, Key, Prefix};
use crate::{ErrorKind, Result, Retry, StorageError};

const BACKEND: &str = "fs";

/// How often a put begins anew because its folder was tidied away: each time another writer got on.
const ATTEMPTS: u32 = 1_000;

/// Blobs below a folder.
#[derive(Clone, Debug)]
pub struct FsBlob(Arc<Root>);

#[derive(Debug)]
struct Root {
    path: PathBuf,
    renames: RwLock<()>,
}

impl FsBlob {
    /// The store in that folder, which is made if it is missing. What a crash has left is removed.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let store = Self(Arc::new(Root { path: path.into(), renames: RwLock::default() }));
        store.blocking("blob.open", Root::prepare).await?;
        Ok(store)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Root) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&root)).await;
        match done {
            Ok(done) => done.map_err(|error| failed(operation, &self.0.path, error)),
            Err(error) => {
                let stopped = "expected it to end, found that it was stopped";
                Err(StorageError::new(ErrorKind::Internal, BACKEND, operation, stopped).with_source(error))
            }
        }
    }
}

#[async_trait]
impl BlobStore for FsBlob {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn put(&self, key: &Key, content: Bytes) -> Result<()> {
        let place = place(key.as_str());
        self.blocking("blob.put", move |root| root.put(&place, &content)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let place = place(key.as_str());
        self.blocking("blob.get", move |root| root.get(&place)).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let place = place(key.as_str());
        self.blocking("blob.delete", move |root| root.delete(&place)).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>> {
        let prefix = prefix.clone();
        let list = move |root: &Root| list::list(&root.path, prefix.folder(), prefix.as_str(), &root.renames);
        self.blocking("blob.list", list).await
    }

    /// Whether a file can be written.
    async fn health(&self) -> Result<()> {
        self.blocking("blob.health", |root| {
            let mut file = Temporary::new(&root.open()?)?;
            file.file.write_all(b"health")
        })
        .await
    }
}

impl Root {
    /// By its path each time: it may be on something that goes away and comes back.
    fn open(&self) -> io::Result<OwnedFd> {
        folder::root(&self.path)
    }

    fn prepare(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.path)?;
        if let Some(parent) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        temporary::clean(&self.open()?)
    }

    fn put(&self, place: &Place, content: &[u8]) -> io::Result<()> {
        let mut temporary = Temporary::new(&self.open()?)?;
        temporary.file.write_all(content)?;
        temporary.file.sync_all()?;
        for _ in 0..ATTEMPTS {
            let Some(folder) = folder::make(self.open()?, &place.folders)? else { continue };
            match self.rename(&temporary, &folder, &place.file) {
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    temporary.keep();
                    return Ok(fsync(folder)?);
                }
            }
        }
        Err(Errno::BUSY.into())
    }

    fn rename(&self, temporary: &Temporary, folder: &OwnedFd, file: &str) -> rustix::io::Result<()> {
        let _held = self.renames.read().unwrap_or_else(PoisonError::into_inner);
        renameat(&temporary.folder, temporary.name.as_str(), folder, file)
    }

    fn get(&self, place: &Place) -> io::Result<Option<Bytes>> {
        let Some(folder) = folder::find(self.open()?, &place.folders)? else { return Ok(None) };
        // a pipe that someone planted must not be waited for
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = match openat(folder, place.file.as_str(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(error) if folder::is_missing(error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        file.read_to_end(&mut content)?;
        Ok(Some(content.into()))
    }

    fn delete(&self, place: &Place) -> io::Result<()> {
        let Some(folder) = folder::find(self.open()?, &place.folders)? else { return Ok(()) };
        let status = match statat(&folder, place.file.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(error) if folder::is_missing(error) => return Ok(()),
            status => status?,
        };
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        match unlinkat(&folder, place.file.as_str(), AtFlags::empty()) {
            Err(error) if folder::is_missing(error) => return Ok(()),
            done => done?,
        }
        fsync(folder)?;
        folder::tidy(&self.path, &place.folders)
    }
}

fn failed(operation: &'static str, root: &Path, error: io::Error) -> StorageError {
    let (kind, what) = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => (ErrorKind::Full, "expected room for it"),
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => (ErrorKind::Denied, "expected to be allowed to"),
        Some(Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NOTEMPTY) => {
            (ErrorKind::Conflict, "expected folders and files only, found something else in the way")
        }
        Some(Errno::NOENT) => (ErrorKind::Unavailable, "expected the folder to be there"),
        Some(Errno::IO | Errno::STALE | Errno::TIMEDOUT | Errno::MFILE | Errno::NFILE | Errno::BUSY) => {
            (ErrorKind::Unavailable, "expected an answer of the file system")
        }
        _ => (ErrorKind::Internal, "expected it to work"),
    };
    let message = format!("{}: {what}", root.display());
    let error = StorageError::new(kind, BACKEND, operation, message).with_source(error);
    // a put may be visible although it could not be made durable
    if operation == "blob.put" && kind == ErrorKind::Unavailable {
        return error.with_retry(Retry::Unknown);
    }
    error
}

#[cfg(test)]
mod tests;
