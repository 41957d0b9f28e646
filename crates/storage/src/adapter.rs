//! The adapter: the three parts as one, as modules are given them.

use std::sync::Arc;

use crate::Result;
use crate::blob::BlobStore;
use crate::db::Database;
use crate::degrade::{
    BLOB_TIMEOUT, DB_TIMEOUT, DegradingBlob, DegradingDatabase, DegradingKv, Guard, KV_TIMEOUT, PartHealth,
    Pauses,
};
use crate::isolated::{IsolatedBlob, IsolatedKv};
use crate::kv::KvStore;

/// Whether every part is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All are.
    Local,
    /// At least one is a service.
    Cloud,
}

impl Kind {
    /// The word that modules see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cloud => "cloud",
        }
    }
}

/// What modules keep their state in. To open and close it is not theirs: that is done with the backends,
/// by who made them.
#[derive(Clone, Debug)]
pub struct StorageAdapter {
    kind: Kind,
    kv: Arc<dyn KvStore>,
    database: Arc<dyn Database>,
    blob: Arc<dyn BlobStore>,
    guards: [(&'static str, Arc<Guard>); 3],
}

impl StorageAdapter {
    /// An adapter of these backends, each of which may go down.
    pub fn new(
        kind: Kind,
        kv: Arc<dyn KvStore>,
        database: Arc<dyn Database>,
        blob: Arc<dyn BlobStore>,
    ) -> Self {
        let kv = Arc::new(DegradingKv::new(kv, Pauses::for_calls(KV_TIMEOUT)));
        let database = Arc::new(DegradingDatabase::new(database, Pauses::for_calls(DB_TIMEOUT)));
        let blob = Arc::new(DegradingBlob::new(blob, Pauses::for_calls(BLOB_TIMEOUT)));
        let guards = [("kv", kv.guard()), ("db", database.guard()), ("blob", blob.guard())];
        let guards = guards.map(|(part, guard)| (part, Arc::clone(guard)));
        Self { kind, kv, database, blob, guards }
    }

    /// The same, but keys and files are in a namespace of that name, where nobody else finds them. Tables are not:
    /// they have names of their own.
    pub fn isolated(&self, name: &str) -> Result<Self> {
        let kv = Arc::new(IsolatedKv::new(Arc::clone(&self.kv), name)?);
        let blob = Arc::new(IsolatedBlob::new(Arc::clone(&self.blob), name)?);
        Ok(Self { kv, blob, ..self.clone() })
    }

    /// Whether every part is embedded.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Keys and values.
    pub fn kv(&self) -> &dyn KvStore {
        &*self.kv
    }

    /// Tables.
    pub fn database(&self) -> &dyn Database {
        &*self.database
    }

    /// Files.
    pub fn blob(&self) -> &dyn BlobStore {
        &*self.blob
    }

    /// How the parts are, as far as their calls have shown; nobody is asked.
    pub fn health(&self) -> HealthStatus {
        HealthStatus { parts: self.guards.each_ref().map(|(part, guard)| (*part, guard.health())) }
    }

    /// Asks every backend.
    pub async fn check(&self) -> HealthStatus {
        let [(_, kv), (_, database), (_, blob)] = &self.guards;
        let (kv, database, blob) = tokio::join!(kv.check(), database.check(), blob.check());
        HealthStatus { parts: [("kv", kv), ("db", database), ("blob", blob)] }
    }
}

/// How the parts of an adapter are.
#[derive(Clone, Debug)]
pub struct HealthStatus {
    /// Each with its name.
    pub parts: [(&'static str, PartHealth); 3],
}

impl HealthStatus {
    /// Whether all of them work.
    pub fn is_ok(&self) -> bool {
        self.parts.iter().all(|(_, part)| part.trouble.is_none())
    }
}
