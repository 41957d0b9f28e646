//! The contract of the control store.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use penstock_core::Timestamp;

use super::query::{
    AuditPage, AuditQuery, LogBatch, LogPage, LogQuery, Pruned, Retention, RollupQuery, UsagePage, UsageQuery,
};
use crate::ledger::{CredentialStatus, Lease, QuotaCost, Session, UsageRollup};
use crate::seal::{Keyring, SealError};
use crate::{AuditEntry, ChangeSet, Kind, Records, Settlement};

/// Everything `load` returns: one consistent read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The records.
    pub records: Records,
    /// The version they belong to.
    pub version: u64,
}

/// What is different since a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The records as they are now.
    pub loaded: Loaded,
    /// Which records changed; those that are not there any more were deleted. `None` if it was too long ago
    /// to tell: any may have.
    pub touched: Option<Vec<(Kind, i64)>>,
}

/// The answer to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The version after it.
    pub version: u64,
    /// Which real id each temporary id became.
    pub ids: BTreeMap<i64, i64>,
}

impl Committed {
    /// The real id of what was made under a temporary id.
    pub fn id(&self, temporary: i64) -> Option<i64> {
        self.ids.get(&temporary).copied()
    }
}

/// What became of one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was new.
    Applied,
    /// It had been applied before; nothing changed.
    Duplicate,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Something else has this natural key.
    #[error("{} {key:?} exists already", kind.noun())]
    Conflict {
        /// What was to be made.
        kind: Kind,
        /// The key that is taken.
        key: String,
    },
    /// There is no such record.
    #[error("no {} with id {id}", kind.noun())]
    Missing {
        /// What was looked for.
        kind: Kind,
        /// The id it was looked for under.
        id: i64,
    },
    /// A record points at one that is not there.
    #[error("the {} refers to an unknown {what}", kind.noun())]
    InvalidReference {
        /// The record that refers.
        kind: Kind,
        /// What it refers to.
        what: &'static str,
    },
    /// Something else must not lose the record.
    #[error("the {} is in use by a {}: remove that first, or delete with cascade=true", kind.noun(), by.noun())]
    InUse {
        /// What was to be deleted.
        kind: Kind,
        /// What uses it.
        by: Kind,
    },
    /// A name is longer than every database takes it.
    #[error("{}.{field}: expected at most {most} characters, found {found}", kind.noun())]
    TooLong {
        /// What was to be made.
        kind: Kind,
        /// The field.
        field: &'static str,
        /// How many characters there may be.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// A secret cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The records have changed since they were read.
    #[error("the records were changed by someone else at the same time: look again and repeat")]
    Stale,
    /// The store was written by a newer Penstock.
    #[error(
        "the control store has schema version {found}, this Penstock knows up to {known}: \
         start a newer version, or restore the backup that belongs to this one"
    )]
    TooNew {
        /// The schema version found.
        found: i64,
        /// The newest one this binary knows.
        known: i64,
    },
    /// The store was written before the first release.
    #[error(
        "the control store has a schema from before the first release: \
         name an empty database or another data dir, or move the old file away"
    )]
    TooOld,
    /// The database or the folder belongs to something else.
    #[error(
        "the control store's place holds what is not Penstock's (such as {table:?}): \
         name an empty database or another data dir"
    )]
    Foreign {
        /// One of its tables or files.
        table: String,
    },
    /// The place is GPROXY's.
    #[error(
        "{place} holds the data of GPROXY, which stays as it is: name an empty database or another data dir; {version}"
    )]
    OfGproxy {
        /// The place.
        place: String,
        /// Of which version.
        version: Gproxy,
    },
    /// A stored value cannot be read.
    #[error("the control store holds {what} that cannot be read: {value:?}")]
    Corrupt {
        /// What kind of value.
        what: String,
        /// The value.
        value: String,
    },
    /// What was overwritten cannot be taken out of the files of the database.
    #[error("what the secrets were before may still be in the files of the database: {0}")]
    NotScrubbed(&'static str),
    /// The store cannot be reached or does not answer as it should.
    #[error("the control store is not available: {0}")]
    Unavailable(String),
}

/// The persistence of the gateway's own records. Every operation is one transaction.
#[async_trait]
pub trait ControlStore: fmt::Debug + Send + Sync + 'static {
    /// One consistent read of all records.
    async fn load(&self) -> Result<Loaded, ControlError>;

    /// The current version; cheap, for followers that poll.
    async fn version(&self) -> Result<u64, ControlError>;

    /// What is different since a version, at the cost of what is.
    async fn changes(&self, since: u64) -> Result<Changes, ControlError>;

    /// Ready whenever the records may have changed: at once where the database tells, else after `at_most`.
    /// Hints are never relied upon.
    async fn changed(&self, at_most: Duration);

    /// Applies all changes or none.
    async fn commit(&self, changes: &ChangeSet) -> Result<Committed, ControlError>;

    /// Applies each settlement that was not applied before: the usage row, and what it adds to rollups and
    /// quotas. The answers stand in the order of the settlements. After an error none counts as applied, and
    /// the batch is safe to send again.
    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, ControlError>;

    /// Adds what was logged of requests. Rows that are there already stay as they are.
    async fn record(&self, logs: &LogBatch) -> Result<(), ControlError>;

    /// A page of usage rows.
    async fn usage(&self, query: &UsageQuery) -> Result<UsagePage, ControlError>;

    /// Sums of usage.
    async fn rollups(&self, query: &RollupQuery) -> Result<Vec<UsageRollup>, ControlError>;

    /// What was spent of every quota.
    async fn quota_costs(&self) -> Result<Vec<QuotaCost>, ControlError>;

    /// A page of requests of clients, each with what was asked of providers for it.
    async fn logs(&self, query: &LogQuery) -> Result<LogPage, ControlError>;

    /// When the oldest log is from that is kept, of a client's request or of one to a provider.
    async fn oldest_log(&self) -> Result<Option<Timestamp>, ControlError>;

    /// A page of the audit trail, newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, ControlError>;

    /// Adds to the audit trail what changed no record: a login, a refusal.
    async fn note(&self, entry: &AuditEntry, at: Timestamp, status: u16) -> Result<(), ControlError>;

    /// Removes what is older than it has to be kept, a bounded number of rows; call it again while it says
    /// that there is more.
    async fn prune(&self, retention: &Retention) -> Result<Pruned, ControlError>;

    /// How many bytes the database has, about, without what is free in its files.
    async fn size(&self) -> Result<u64, ControlError>;

    /// Gives back what removed logs have left behind in the files of the database. Logs may wait for it; nothing
    /// else does.
    async fn compact(&self) -> Result<(), ControlError>;

    /// Tells the other nodes how credentials are.
    async fn report_health(&self, statuses: &[CredentialStatus]) -> Result<(), ControlError>;

    /// How credentials are, as all nodes told.
    async fn health_reports(&self) -> Result<Vec<CredentialStatus>, ControlError>;

    /// The content of a tokenizer's vocabulary.
    async fn vocab(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError>;

    /// Keeps a vocabulary, in place of the one of that name.
    async fn put_vocab(&self, name: &str, bytes: &[u8]) -> Result<(), ControlError>;

    /// The names of all vocabularies.
    async fn vocabs(&self) -> Result<Vec<String>, ControlError>;

    /// Keeps a login.
    async fn open_session(&self, session: &Session) -> Result<(), ControlError>;

    /// The login of a token, by its digest.
    async fn session(&self, digest: &str) -> Result<Option<Session>, ControlError>;

    /// Ends a login; one that is not there is none to end.
    async fn end_session(&self, digest: &str) -> Result<(), ControlError>;

    /// Takes or prolongs a lease; false if another owner has it at `now`.
    async fn lease(&self, lease: &Lease, now: Timestamp) -> Result<bool, ControlError>;

    /// What opens the secrets in its records.
    fn keyring(&self) -> &Keyring;

    /// Whether the store answers.
    async fn health(&self) -> Result<(), ControlError>;

    /// Flushes and closes; the store must not be used afterwards.
    async fn close(&self) -> Result<(), ControlError>;
}

/// Which GPROXY's data it is. Shown as what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gproxy {
    /// That of its first version.
    First,
    /// That of its second one.
    Second,
}

impl fmt::Display for Gproxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "what GPROXY 1 keeps cannot be brought over by this version",
            Self::Second => {
                "what it holds comes out with `gproxy export --out gproxy.json`, and is to come in with \
                 `penstock import gproxy.json`, which this version does not do yet"
            }
        })
    }
}
