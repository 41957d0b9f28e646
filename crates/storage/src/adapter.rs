//! The adapter: the three parts as one, as modules are given them.

use std::sync::Arc;

use crate::blob::BlobStore;
use crate::db::Database;
use crate::degrade::{
    BLOB_TIMEOUT, DB_TIMEOUT, DegradingBlob, DegradingDatabase, DegradingKv, Guard, KV_TIMEOUT, PartHealth,
    Pauses,
};
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
    kv: Arc<DegradingKv>,
    database: Arc<DegradingDatabase>,
    blob: Arc<DegradingBlob>,
}

impl StorageAdapter {
    /// An adapter of these backends, each of which may go down.
    pub fn new(
        kind: Kind,
        kv: Arc<dyn KvStore>,
        database: Arc<dyn Database>,
        blob: Arc<dyn BlobStore>,
    ) -> Self {
        Self {
            kind,
            kv: Arc::new(DegradingKv::new(kv, Pauses::for_calls(KV_TIMEOUT))),
            database: Arc::new(DegradingDatabase::new(database, Pauses::for_calls(DB_TIMEOUT))),
            blob: Arc::new(DegradingBlob::new(blob, Pauses::for_calls(BLOB_TIMEOUT))),
        }
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
        HealthStatus { parts: self.guards().map(|(part, guard)| (part, guard.health())) }
    }

    /// Asks every backend.
    pub async fn check(&self) -> HealthStatus {
        let [(_, kv), (_, database), (_, blob)] = self.guards();
        let (kv, database, blob) = tokio::join!(kv.check(), database.check(), blob.check());
        HealthStatus { parts: [("kv", kv), ("db", database), ("blob", blob)] }
    }

    fn guards(&self) -> [(&'static str, &Arc<Guard>); 3] {
        [("kv", self.kv.guard()), ("db", self.database.guard()), ("blob", self.blob.guard())]
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
