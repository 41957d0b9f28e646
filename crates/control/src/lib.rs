//! The control plane's memory: records, settlements, and the store that keeps them.
//!
//! What holds here: a settlement that was handed to the [`journal`] is applied to the store exactly
//! once, whatever crashes in between; requests read only the published [`Snapshot`] and never the
//! store. Nothing in this crate knows a provider, a dialect's shape or HTTP.

pub mod accounts;
pub mod administrator;
pub mod bundle;
pub mod journal;
pub mod login;
pub mod password;
pub mod seal;

mod backend;
mod background;
mod digest;
mod dsn;
mod file;
mod ledger;
mod libsql;
mod records;
mod report;
mod settlement;
mod settler;
mod snapshot;
mod sql;
mod store;
mod table;

pub use digest::{DigestAlgorithm, KEY_PREFIX, KeyDigest, KeyDigestError, generate_key};
pub use dsn::{Dsn, DsnError};
pub use ledger::{
    AuditLog, CredentialStatus, DownstreamRequest, Granularity, Lease, QuotaCost, Session, UpstreamRequest,
    UsageRollup, Vocab,
};
pub use records::{
    Alias, AuditEntry, Change, ChangeSet, ChannelRule, ChannelRules, Credential, DEFAULT_INSTANCE,
    DEFAULT_ORG, EVERY_PROVIDER, HeldSecret, Implementation, InstanceSettings, KeyTombstone, Kind, Opened,
    Org, Permission, Provider, ProviderModel, ProviderRuleSet, Quota, RateLimit, Record, Records, Route,
    RouteMember, RoutingRule, Rule, RuleKind, RuleSet, Scope, ScopeKind, Set, Team, User, UserKey, Window,
};
pub use report::{Grouping, Total, totals};
pub use settlement::Settlement;
pub use settler::{Settler, SettlerHandle, SettlerThread, settle_in_batches};
pub use snapshot::{KeyLookup, LiveSnapshot, Principal, Snapshot, follow, saved};
pub(crate) use store::SCHEMA;
pub use store::{
    AuditPage, AuditQuery, Changes, Committed, ControlError, ControlStore, Gproxy, Loaded, LogBatch, LogPage,
    LogQuery, Pruned, Retention, RollupQuery, Settled, Store, UsagePage, UsageQuery,
};
pub use table::{Kept, Word};
