//! The store in a folder of files against every case, and its secrets.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use penstock_conformance::Failure;
use penstock_conformance::backends::{Backend, Part};
use penstock_conformance::control::{GROUPS, Harness};
use penstock_control::{ControlStore, Dsn, Store};
use tempfile::TempDir;

/// A new folder whenever it is asked.
struct Folders(TempDir, AtomicU32);

impl Folders {
    fn next(&self) -> PathBuf {
        self.0.path().join(self.1.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

struct InFolder {
    store: Store,
    folders: Arc<Folders>,
}

impl InFolder {
    async fn open(folders: Arc<Folders>) -> Result<Arc<dyn Harness>, Failure> {
        let store = Store::open(&Dsn::Folder(folders.next())).await?;
        Ok(Arc::new(Self { store, folders }))
    }
}

#[async_trait]
impl Harness for InFolder {
    fn store(&self) -> Arc<dyn ControlStore> {
        Arc::new(self.store.beside())
    }

    /// One process has the folder; another store in it is as near to another node as there is.
    async fn node(&self) -> Result<Arc<dyn ControlStore>, Failure> {
        Ok(Arc::new(self.store.beside()))
    }

    async fn start_together(&self, nodes: usize) -> Result<Vec<Arc<dyn ControlStore>>, Failure> {
        let first = Store::open(&Dsn::Folder(self.folders.next())).await?;
        Ok((0..nodes).map(|_| Arc::new(first.beside()) as _).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn file() {
    let folder = tempfile::tempdir().expect("a folder");
    let folders = Arc::new(Folders(folder, 0.into()));
    let cases = GROUPS.iter().flat_map(|cases| *cases);
    Backend::require(Part::Control, "file").passes(cases, || InFolder::open(Arc::clone(&folders))).await;
}
