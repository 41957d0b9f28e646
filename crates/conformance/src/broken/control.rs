//! Control stores with a fault each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_control::seal::Keyring;
use penstock_control::{
    AuditEntry, AuditPage, AuditQuery, Change, ChangeSet, Changes, Committed, ControlError, ControlStore,
    CredentialStatus, Lease, Loaded, LogBatch, LogPage, LogQuery, Pruned, QuotaCost, Retention, RollupQuery,
    Session, Set, Settled, Settlement, UsagePage, UsageQuery, UsageRollup,
};
use penstock_control::{Dsn, Store};
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
    /// Followers are told of some changes only.
    ChangeSwallowed,
    /// A settlement that comes again is not new, but is added to rollups once more.
    RollupDoubled,
    /// A lease is given to everyone.
    LeaseForAll,
    /// An older report of health takes the place of a newer one.
    OldHealthWins,
    /// Everything is removed, however new it is.
    PrunesAll,
    /// The audit trail has the newest entry only.
    AuditForgets,
    /// What is in use is deleted.
    DeletesInUse,
}

/// A store with a fault.
#[derive(Debug)]
pub struct BrokenStore {
    inner: Store,
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
        let inner = Store::open(&Dsn::Sqlite(folder.path().join("penstock.db"))).await?;
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
            loaded.records.tombstones = Set::default();
        }
        Ok(loaded)
    }

    async fn version(&self) -> Result<u64, ControlError> {
        self.inner.version().await
    }

    async fn changes(&self, since: u64) -> Result<Changes, ControlError> {
        let mut changes = self.inner.changes(since).await?;
        if self.fault == Fault::ChangeSwallowed {
            changes.touched = changes.touched.map(|touched| touched.into_iter().skip(1).collect());
        }
        Ok(changes)
    }

    async fn changed(&self, at_most: Duration) {
        self.inner.changed(at_most).await;
    }

    async fn commit(&self, changes: &ChangeSet) -> Result<Committed, ControlError> {
        match self.fault {
            Fault::HalfCommit => {
                let mut whole = Committed { version: 0, ids: BTreeMap::new() };
                for change in &changes.changes {
                    let one = self.inner.commit(&ChangeSet::of(change.clone())).await?;
                    whole.version = one.version;
                    whole.ids.extend(one.ids);
                }
                Ok(whole)
            }
            Fault::DeletesInUse => {
                let cascading = |change: &Change| match change {
                    Change::Delete(kind, id) => Change::DeleteCascading(*kind, *id),
                    other => other.clone(),
                };
                let changes = changes.changes.iter().map(cascading).collect();
                self.inner.commit(&ChangeSet { changes, ..ChangeSet::default() }).await
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

    async fn record(&self, logs: &LogBatch) -> Result<(), ControlError> {
        self.inner.record(logs).await
    }

    async fn rollups(&self, query: &RollupQuery) -> Result<Vec<UsageRollup>, ControlError> {
        let mut rollups = self.inner.rollups(query).await?;
        if self.fault == Fault::RollupDoubled {
            for rollup in &mut rollups {
                rollup.requests *= 2;
            }
        }
        Ok(rollups)
    }

    async fn quota_costs(&self) -> Result<Vec<QuotaCost>, ControlError> {
        self.inner.quota_costs().await
    }

    async fn logs(&self, query: &LogQuery) -> Result<LogPage, ControlError> {
        self.inner.logs(query).await
    }

    async fn oldest_log(&self) -> Result<Option<Timestamp>, ControlError> {
        self.inner.oldest_log().await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, ControlError> {
        let mut page = self.inner.audit(query).await?;
        if self.fault == Fault::AuditForgets {
            page.rows.truncate(1);
        }
        Ok(page)
    }

    async fn note(&self, entry: &AuditEntry, at: Timestamp, status: u16) -> Result<(), ControlError> {
        self.inner.note(entry, at, status).await
    }

    async fn prune(&self, retention: &Retention) -> Result<Pruned, ControlError> {
        let all = Timestamp(i64::MAX);
        let everything = Retention {
            usage_before: Some(all),
            logs_before: Some(all),
            bodies_before: Some(all),
            sessions_before: Some(all),
            limit: u64::from(u32::MAX),
        };
        self.inner.prune(if self.fault == Fault::PrunesAll { &everything } else { retention }).await
    }

    async fn report_health(&self, statuses: &[CredentialStatus]) -> Result<(), ControlError> {
        let newest = |status: &CredentialStatus| match self.fault {
            Fault::OldHealthWins => CredentialStatus { updated_at: Timestamp(1 << 50), ..status.clone() },
            _ => status.clone(),
        };
        self.inner.report_health(&statuses.iter().map(newest).collect::<Vec<_>>()).await
    }

    async fn health_reports(&self) -> Result<Vec<CredentialStatus>, ControlError> {
        self.inner.health_reports().await
    }

    async fn vocab(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError> {
        self.inner.vocab(name).await
    }

    async fn put_vocab(&self, name: &str, bytes: &[u8]) -> Result<(), ControlError> {
        self.inner.put_vocab(name, bytes).await
    }

    async fn vocabs(&self) -> Result<Vec<String>, ControlError> {
        self.inner.vocabs().await
    }

    async fn open_session(&self, session: &Session) -> Result<(), ControlError> {
        self.inner.open_session(session).await
    }

    async fn session(&self, digest: &str) -> Result<Option<Session>, ControlError> {
        self.inner.session(digest).await
    }

    async fn end_session(&self, digest: &str) -> Result<(), ControlError> {
        self.inner.end_session(digest).await
    }

    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<bool, ControlError> {
        let granted = self.inner.lease(lease, now).await?;
        Ok(granted || self.fault == Fault::LeaseForAll)
    }

    fn keyring(&self) -> &Keyring {
        self.inner.keyring()
    }

    async fn health(&self) -> Result<(), ControlError> {
        self.inner.health().await
    }

    async fn size(&self) -> Result<u64, ControlError> {
        self.inner.size().await
    }

    async fn compact(&self) -> Result<(), ControlError> {
        self.inner.compact().await
    }

    async fn close(&self) -> Result<(), ControlError> {
        self.inner.close().await
    }
}
