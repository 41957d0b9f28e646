//! The contract of the control store.

use async_trait::async_trait;
use penstock_core::{KeyId, RequestId, Timestamp, UserId};

use crate::{ChangeSet, Kind, Records, Settlement};

/// Everything `load` returns: one consistent read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The records.
    pub records: Records,
    /// The version they belong to.
    pub version: u64,
}

/// The answer to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The version after it.
    pub version: u64,
    /// Which real id each temporary id became, in the order of the changes.
    pub ids: Vec<(i64, i64)>,
}

impl Committed {
    /// The real id of what was made under a temporary id.
    pub fn id(&self, temporary: i64) -> Option<i64> {
        self.ids.iter().find(|(from, _)| *from == temporary).map(|(_, to)| *to)
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

/// Which usage rows are meant. Absent filters match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageQuery {
    /// Rows that arrived at or after this time.
    pub since: Option<Timestamp>,
    /// Rows that arrived before this time.
    pub until: Option<Timestamp>,
    /// Rows of this user.
    pub user: Option<UserId>,
    /// Rows of this key.
    pub key: Option<KeyId>,
    /// Rows of this upstream model.
    pub model: Option<String>,
    /// Rows of this provider.
    pub provider: Option<String>,
    /// Only rows after this one, in the order of request ids (which is that of arrival).
    pub after: Option<RequestId>,
    /// How many rows at the most.
    pub limit: u64,
}

/// A page of usage rows, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsagePage {
    /// The rows.
    pub rows: Vec<Settlement>,
    /// Where the next page starts, if there is one.
    pub next: Option<RequestId>,
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
        found: u32,
        /// The newest one this binary knows.
        known: u32,
    },
    /// The database belongs to something else.
    #[error(
        "the database holds tables that are not Penstock's (such as {table:?}): \
         name an empty database or another data dir"
    )]
    Foreign {
        /// One of its tables.
        table: String,
    },
    /// A stored value cannot be read.
    #[error("the control store holds {what} that cannot be read: {value:?}")]
    Corrupt {
        /// What kind of value.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The store cannot be reached or does not answer as it should.
    #[error("the control store is not available: {0}")]
    Unavailable(String),
}

/// The persistence of the gateway's own records. Every operation is one transaction.
#[async_trait]
pub trait ControlStore: std::fmt::Debug + Send + Sync + 'static {
    /// One consistent read of all records.
    async fn load(&self) -> Result<Loaded, ControlError>;

    /// The current version; cheap, for followers that poll.
    async fn version(&self) -> Result<u64, ControlError>;

    /// Applies all changes or none.
    async fn commit(&self, changes: &ChangeSet) -> Result<Committed, ControlError>;

    /// Applies each settlement that was not applied before. The answers stand in the order of the
    /// settlements. After an error none counts as applied, and the batch is safe to send again.
    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, ControlError>;

    /// A page of usage rows.
    async fn usage(&self, query: &UsageQuery) -> Result<UsagePage, ControlError>;

    /// Whether the store answers.
    async fn health(&self) -> Result<(), ControlError>;

    /// Flushes and closes; the store must not be used afterwards.
    async fn close(&self) -> Result<(), ControlError>;
}
