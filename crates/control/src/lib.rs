//! The control plane's memory: records, settlements, and the store that keeps them.
//!
//! What holds here: a settlement that was handed to the [`journal`] is applied to the store exactly
//! once, whatever crashes in between; requests read only the published [`Snapshot`] and never the
//! store. Nothing in this crate knows a provider, a dialect's shape or HTTP.

pub mod accounts;
pub mod journal;
pub mod sql;

mod digest;
mod records;
mod report;
mod settlement;
mod settler;
mod snapshot;
mod store;

pub use digest::{KEY_PREFIX, KeyDigest, KeyDigestError, generate_key};
pub use records::{
    Change, ChangeSet, DEFAULT_ORG, KeyTombstone, Kind, Org, Permission, Record, Records, Scope, User,
    UserKey,
};
pub use report::{Grouping, Total, totals};
pub use settlement::Settlement;
pub use settler::{Settler, SettlerHandle};
pub use snapshot::{KeyLookup, LiveSnapshot, Principal, Snapshot, follow};
pub use store::{Committed, ControlError, ControlStore, Loaded, Settled, UsagePage, UsageQuery};
