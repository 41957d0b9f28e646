//! The storage adapter: where modules, and the gateway's own caches, keep their state.
//!
//! Three small contracts, [`KvStore`](kv::KvStore), [`Database`](db::Database) and
//! [`BlobStore`](blob::BlobStore), each with an embedded backend and with distributed ones; what holds for
//! one holds for all, and `penstock-conformance` shows it. A module cannot tell which backend it has.
//!
//! Backends say what went wrong. What a module sees while one is down is decided in one place,
//! [`degrade`]. The control store is another thing, in another crate, and never reachable from here.

mod adapter;
pub mod blob;
pub mod db;
pub mod degrade;
mod error;
mod isolated;
pub mod kv;
#[cfg(test)]
mod observed;
pub mod settings;
#[cfg(any(feature = "libsql", feature = "s3", feature = "upstash"))]
mod tls;

pub use adapter::{HealthStatus, Kind, StorageAdapter};
pub use error::{ErrorKind, Result, Retry, StorageError};
