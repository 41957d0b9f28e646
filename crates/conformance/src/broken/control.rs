//! Control stores with a fault each.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_control::sql::{Dsn, SqlStore};
use penstock_control::{
    ChangeSet, Committed, ControlError, ControlStore, Loaded, Settled, Settlement, UsagePage, UsageQuery,
};
use penstock_core::{RequestId, Timestamp};
use tempfile::TempDir;

use crate::Failure;
use crate::control::Harness;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Each change of a set is committed by itself.
    HalfCommit,
    /// It does not look at what changes were made from.
    StaleTaken,
    /// A settlement that comes again is applied again.
    SettledTwice,
    /// A batch with one settlement that is there already is taken for a duplicate as a whole.
    NewOnesLost,
    /// Keys that are deleted are forgotten.
    TombstoneLost,
    /// A page begins at its row and not behind it.
    PageOverlaps,
}

/// A store with a fault.
#[derive(Debug)]
pub struct BrokenStore {
    inner: SqlStore,
    fault: Fault,
}

/// A harness of such a store.
#[derive(Debug)]
pub struct BrokenHarness {
    store: Arc<BrokenStore>,
    _folder: TempDir,
}

impl BrokenHarness {
    /// On SQLite, with that fault.
    pub async fn open(fault: Fault) -> Result<Arc<dyn Harness>, Failure> {
        let folder = tempfile::tempdir()?;
        let inner = SqlStore::open(&Dsn::Sqlite(folder.path().join("penstock.db"))).await?;
        Ok(Arc::new(Self { store: Arc::new(BrokenStore { inner, fault }), _folder: folder }))
    }
}

#[async_trait]
impl Harness for BrokenHarness {
    fn store(&self) -> Arc<dyn ControlStore> {
        self.store.clone()
    }

    async fn node(&self) -> Result<Arc<dyn ControlStore>, Failure> {
        Ok(self.store.clone())
    }

    async fn start_together(&self, nodes: usize) -> Result<Vec<Arc<dyn ControlStore>>, Failure> {
        Ok((0..nodes).map(|_| self.store()).collect())
    }
}

#[async_trait]
impl ControlStore for BrokenStore {
    async fn load(&self) -> Result<Loaded, ControlError> {
        let mut loaded = self.inner.load().await?;
        if self.fault == Fault::TombstoneLost {
            loaded.records.tombstones.clear();
        }
        Ok(loaded)
    }

    async fn version(&self) -> Result<u64, ControlError> {
        self.inner.version().await
    }

    async fn commit(&self, changes: &ChangeSet) -> Result<Committed, ControlError> {
        match self.fault {
            Fault::HalfCommit => {
                let mut whole = Committed { version: 0, ids: Vec::new() };
                for change in &changes.changes {
                    let one = self.inner.commit(&ChangeSet::of(change.clone())).await?;
                    whole.version = one.version;
                    whole.ids.extend(one.ids);
                }
                Ok(whole)
            }
            Fault::StaleTaken => self.inner.commit(&ChangeSet { based_on: None, ..changes.clone() }).await,
            _ => self.inner.commit(changes).await,
        }
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, ControlError> {
        match self.fault {
            Fault::SettledTwice => {
                let again = |one: &Settlement| Settlement {
                    request_id: RequestId::new(Timestamp(one.at.0)),
                    ..one.clone()
                };
                self.inner.settle(&settlements.iter().map(again).collect::<Vec<_>>()).await
            }
            Fault::NewOnesLost => {
                let first = settlements.first().map_or(&[][..], std::slice::from_ref);
                let [Settled::Applied] = self.inner.settle(first).await?.as_slice() else {
                    return Ok(vec![Settled::Duplicate; settlements.len()]);
                };
                let mut settled = vec![Settled::Applied];
                settled.extend(self.inner.settle(&settlements[1..]).await?);
                Ok(settled)
            }
            _ => self.inner.settle(settlements).await,
        }
    }

    async fn usage(&self, query: &UsageQuery) -> Result<UsagePage, ControlError> {
        let mut page = self.inner.usage(query).await?;
        if self.fault == Fault::PageOverlaps && page.rows.len() > 1 {
            page.next = page.next.map(|_| page.rows[page.rows.len() - 2].request_id);
        }
        Ok(page)
    }

    async fn health(&self) -> Result<(), ControlError> {
        self.inner.health().await
    }

    async fn close(&self) -> Result<(), ControlError> {
        self.inner.close().await
    }
}
