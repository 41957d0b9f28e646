//! What can be asked of usage, logs and the audit trail, and removed from them.

use penstock_core::{KeyId, RequestId, Timestamp, UserId};

use crate::Settlement;
use crate::ledger::{AuditLog, DownstreamRequest, Granularity, UpstreamRequest};

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

/// Which sums are meant. Absent filters match everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupQuery {
    /// By hour or by day.
    pub granularity: Granularity,
    /// Those that begin at or after this time.
    pub since: Option<Timestamp>,
    /// Those that begin before this time.
    pub until: Option<Timestamp>,
    /// Those of this user.
    pub user: Option<UserId>,
}

/// What was logged of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBatch {
    /// Requests of clients.
    pub downstream: Vec<DownstreamRequest>,
    /// Requests to providers.
    pub upstream: Vec<UpstreamRequest>,
}

/// Which requests are meant. Absent filters match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// The one with this id.
    pub request_id: Option<RequestId>,
    /// Those that arrived at or after this time.
    pub since: Option<Timestamp>,
    /// Those that arrived before this time.
    pub until: Option<Timestamp>,
    /// Only those after this one, in the order of request ids.
    pub after: Option<RequestId>,
    /// How many at the most.
    pub limit: u64,
}

/// A page of requests, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// Each with what was asked of providers for it.
    pub rows: Vec<(DownstreamRequest, Vec<UpstreamRequest>)>,
    /// Where the next page starts, if there is one.
    pub next: Option<RequestId>,
}

/// Which entries of the audit trail are meant. Absent filters match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Those at or after this time.
    pub since: Option<Timestamp>,
    /// Those before this time.
    pub until: Option<Timestamp>,
    /// Those of this user.
    pub actor: Option<UserId>,
    /// Only those before this one.
    pub before: Option<i64>,
    /// How many at the most.
    pub limit: u64,
}

/// A page of the audit trail, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub rows: Vec<AuditLog>,
    /// Where the next page starts, if there is one.
    pub next: Option<i64>,
}

/// What is to be removed. Absent times remove nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Usage rows from before this time.
    pub usage_before: Option<Timestamp>,
    /// Logs of requests from before this time.
    pub logs_before: Option<Timestamp>,
    /// Bodies in logs from before this time.
    pub bodies_before: Option<Timestamp>,
    /// Logins that ended before this time.
    pub sessions_before: Option<Timestamp>,
    /// Rows of one call, of each kind, at the most.
    pub limit: u64,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Usage rows.
    pub usages: u64,
    /// Logs of requests.
    pub logs: u64,
    /// Logs whose bodies were removed.
    pub bodies: u64,
    /// Logins.
    pub sessions: u64,
    /// Whether there is more.
    pub more: bool,
}
