//! What modules see while a backend is down: the same for every backend, decided here alone.
//!
//! | call | answer while down |
//! |---|---|
//! | `kv.get` `set` `del` `set_nx` `ttl` | nothing · done · done · not written · no such entry |
//! | `kv.incr` `cas` | an error: who counts money has to decide |
//! | `db.run` `raw` | an error · `vector_search`: no hits |
//! | `blob.get` `list` `delete` `put` | nothing · nothing · done · an error |
//!
//! Only an outage is answered so. What a working backend refuses, a counter that holds a text or a store
//! that is full, stays the error it is.

mod blob;
mod db;
mod guard;
mod kv;

use std::time::Duration;

pub use blob::DegradingBlob;
pub use db::DegradingDatabase;
pub use guard::{Guard, PartHealth, Pauses, Trouble};
pub use kv::DegradingKv;

/// How long a key-value store may take for a call.
pub const KV_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a database may take.
pub const DB_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a blob store may take.
pub const BLOB_TIMEOUT: Duration = Duration::from_secs(10);
