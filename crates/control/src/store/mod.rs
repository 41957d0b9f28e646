//! The control store: its contract, and the one implementation of it over whatever [backend](crate::backend)
//! keeps the rows.

mod after;
mod commit;
mod contract;
mod mirror;
mod pages;
mod plan;
mod query;
mod settle;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use penstock_core::Timestamp;
use tokio::sync::Mutex;

pub(crate) use self::mirror::VERSION;
use self::mirror::{Mirror, counter, one, version_of};
use crate::backend::Backend;
use crate::file::FileBackend;
use crate::ledger::{
    CredentialStatus, DownstreamRequest, Lease, QuotaCost, Session, UpstreamRequest, UsageRollup,
};
use crate::libsql::LibsqlBackend;
use crate::seal::Keyring;
use crate::sql::{Address, SqlBackend};
use crate::table::Entity as _;
use crate::{AuditEntry, ChangeSet, Dsn, Settlement};

pub(crate) use self::commit::first_rows;
pub use self::contract::{Changes, Committed, ControlError, ControlStore, Gproxy, Loaded, Settled};
pub use self::query::{
    AuditPage, AuditQuery, LogBatch, LogPage, LogQuery, Pruned, Retention, RollupQuery, UsagePage, UsageQuery,
};

/// The newest schema this binary knows.
pub(crate) const SCHEMA: i64 = 1;
/// How often a write that others got ahead of is tried. Each time somebody else has written, so that of many
/// writers one always gets on.
const ATTEMPTS: usize = 200;

/// A control store.
#[derive(Debug)]
pub struct Store {
    backend: Arc<dyn Backend>,
    mirror: Mutex<Mirror>,
    /// Held by the one settlement of this node that is under way, so that only nodes get into each other's way.
    settling: Mutex<()>,
    hints: Mutex<Hints>,
    keyring: Arc<Keyring>,
}

struct Hints(BoxStream<'static, ()>);

impl std::fmt::Debug for Hints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hints")
    }
}

impl Store {
    /// Opens the store in the place that `dsn` names, and makes what is missing: the place, its tables, the first
    /// records.
    pub async fn open(dsn: &Dsn) -> Result<Self, ControlError> {
        let store = Self::over(backend(dsn));
        store.backend.prepare().await?;
        store.make_first_records().await?;
        Ok(store)
    }

    /// A store that is opened when it is first asked, for a start while its place is away.
    pub fn later(dsn: &Dsn) -> Self {
        Self::over(backend(dsn))
    }

    /// Opens a store that is there, to look at it: nothing is made.
    pub async fn find(dsn: &Dsn) -> Result<Option<Self>, ControlError> {
        let backend = backend(dsn);
        let is_there = backend.is_there().await?;
        Ok(is_there.then(|| Self::over(backend)))
    }

    /// Where its rows are.
    #[cfg(test)]
    pub(crate) fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Another store over the same rows, as a second node has it, where only one process may open them.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::over(Arc::clone(&self.backend)).with_keyring(Arc::clone(&self.keyring))
    }

    pub(crate) fn over(backend: Arc<dyn Backend>) -> Self {
        let hints = Mutex::new(Hints(backend.hints()));
        let keyring = Arc::default();
        Self { backend, mirror: Mutex::default(), settling: Mutex::default(), hints, keyring }
    }

    /// Seals secrets with these keys from now on, if they open all that is sealed.
    pub async fn sealed_with(self, keyring: Arc<Keyring>) -> Result<Self, ControlError> {
        let records = self.load().await?.records;
        keyring.check(records.secrets().filter_map(|secret| secret.stored.key_id()))?;
        Ok(self.with_keyring(keyring))
    }

    /// The same without a look at what is sealed, for a store that cannot be reached yet.
    #[must_use]
    pub fn with_keyring(self, keyring: Arc<Keyring>) -> Self {
        Self { keyring, ..self }
    }
}

/// What keeps the rows in such a place.
fn backend(dsn: &Dsn) -> Arc<dyn Backend> {
    let shown = dsn.to_string();
    let address = match dsn {
        Dsn::Sqlite(path) => Address::Sqlite(path.clone()),
        Dsn::Postgres(url) => Address::postgres(url),
        Dsn::Mysql(url) => Address::Mysql(url.clone()),
        Dsn::Folder(path) => return Arc::new(FileBackend::new(path.clone())),
        Dsn::Libsql { url, token } => return Arc::new(LibsqlBackend::new(url, token.clone())),
    };
    Arc::new(SqlBackend::new(address, shown))
}

#[async_trait]
impl ControlStore for Store {
    async fn load(&self) -> Result<Loaded, ControlError> {
        self.mirror.lock().await.catch_up(self.backend.as_ref()).await.cloned()
    }

    async fn version(&self) -> Result<u64, ControlError> {
        counter(&one(self.backend.as_ref(), version_of(VERSION)).await?)
    }

    async fn changes(&self, since: u64) -> Result<Changes, ControlError> {
        let mut mirror = self.mirror.lock().await;
        let loaded = mirror.catch_up(self.backend.as_ref()).await?.clone();
        Ok(mirror.changes(since).unwrap_or(Changes { loaded, touched: None }))
    }

    async fn changed(&self, at_most: Duration) {
        let hint = async { self.hints.lock().await.0.next().await };
        if let Ok(None) = tokio::time::timeout(at_most, hint).await {
            // no hint will ever come
            tokio::time::sleep(at_most).await;
        }
    }

    async fn commit(&self, changes: &ChangeSet) -> Result<Committed, ControlError> {
        self.commit_changes(changes).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, ControlError> {
        self.settle_all(settlements).await
    }

    async fn record(&self, logs: &LogBatch) -> Result<(), ControlError> {
        self.keep_logs(logs).await
    }

    async fn usage(&self, query: &UsageQuery) -> Result<UsagePage, ControlError> {
        self.usage_page(query).await
    }

    async fn rollups(&self, query: &RollupQuery) -> Result<Vec<UsageRollup>, ControlError> {
        self.rollup_rows(query).await
    }

    async fn quota_costs(&self) -> Result<Vec<QuotaCost>, ControlError> {
        self.all().await
    }

    async fn logs(&self, query: &LogQuery) -> Result<LogPage, ControlError> {
        self.log_page(query).await
    }

    async fn oldest_log(&self) -> Result<Option<Timestamp>, ControlError> {
        self.oldest_log_at().await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, ControlError> {
        self.audit_page(query).await
    }

    async fn note(&self, entry: &AuditEntry, at: Timestamp, status: u16) -> Result<(), ControlError> {
        self.note_entry(entry, at, status).await
    }

    async fn prune(&self, retention: &Retention) -> Result<Pruned, ControlError> {
        self.prune_some(retention).await
    }

    async fn size(&self) -> Result<u64, ControlError> {
        self.backend.size().await
    }

    async fn compact(&self) -> Result<(), ControlError> {
        self.backend.compact(&[DownstreamRequest::table(), UpstreamRequest::table()]).await
    }

    async fn report_health(&self, statuses: &[CredentialStatus]) -> Result<(), ControlError> {
        self.keep_statuses(statuses).await
    }

    async fn health_reports(&self) -> Result<Vec<CredentialStatus>, ControlError> {
        self.all().await
    }

    async fn vocab(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError> {
        self.find_vocab(name).await
    }

    async fn put_vocab(&self, name: &str, bytes: &[u8]) -> Result<(), ControlError> {
        self.keep_vocab(name, bytes).await
    }

    async fn vocabs(&self) -> Result<Vec<String>, ControlError> {
        self.vocab_names().await
    }

    async fn open_session(&self, session: &Session) -> Result<(), ControlError> {
        self.keep_session(session).await
    }

    async fn session(&self, digest: &str) -> Result<Option<Session>, ControlError> {
        self.find_session(digest).await
    }

    async fn end_session(&self, digest: &str) -> Result<(), ControlError> {
        self.remove_session(digest).await
    }

    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<bool, ControlError> {
        self.take_lease(lease, now).await
    }

    fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    async fn health(&self) -> Result<(), ControlError> {
        self.version().await.map(drop)
    }

    async fn close(&self) -> Result<(), ControlError> {
        self.backend.close().await
    }
}
