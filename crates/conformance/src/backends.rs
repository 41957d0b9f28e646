//! Every backend that runs the cases, and what it cannot do: the one list, pinned by a snapshot.

use std::future::Future;
use std::sync::Arc;

use crate::Capability::{Bounded, Durable};
use crate::matrix::results;
use crate::{Capability, Case, Failure, run};

/// Which part of the adapter a backend is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Keys and values.
    Kv,
    /// Tables and vectors.
    Db,
    /// Files.
    Blob,
    /// All of them together, each of which may go down.
    Adapter,
    /// The control store, which is no part of the adapter.
    Control,
}

impl Part {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Db => "db",
            Self::Blob => "blob",
            Self::Adapter => "adapter",
            Self::Control => "control",
        }
    }

    /// What a backend of this part may be unable to do.
    pub const fn capabilities(self) -> &'static [Capability] {
        match self {
            Self::Kv => &[Durable, Bounded],
            Self::Db | Self::Blob => &[Durable],
            Self::Adapter | Self::Control => &[],
        }
    }
}

/// A backend that runs the cases.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// What it is for.
    pub part: Part,
    /// Its name, such as `redis`.
    pub name: &'static str,
    /// What it cannot do, and why. All else it claims.
    pub lacks: &'static [(Capability, &'static str)],
}

const IN_MEMORY: (Capability, &str) = (Durable, "it is in memory, and gone with its process");
const SERVERS_ROOM: (Capability, &str) =
    (Bounded, "its room is the server's own affair, and it evicts nothing on our word");

/// All of them, in the order of the tables.
pub const BACKENDS: &[Backend] = &[
    Backend { part: Part::Kv, name: "memory", lacks: &[IN_MEMORY] },
    Backend { part: Part::Kv, name: "file", lacks: &[] },
    Backend { part: Part::Kv, name: "redis", lacks: &[SERVERS_ROOM] },
    Backend { part: Part::Kv, name: "redis, cluster", lacks: &[SERVERS_ROOM] },
    Backend { part: Part::Kv, name: "upstash", lacks: &[SERVERS_ROOM] },
    Backend { part: Part::Kv, name: "file, degrading", lacks: &[] },
    Backend { part: Part::Kv, name: "module-sdk", lacks: &[IN_MEMORY] },
    Backend { part: Part::Db, name: "sqlite", lacks: &[] },
    Backend { part: Part::Db, name: "sqlite memory", lacks: &[IN_MEMORY] },
    Backend { part: Part::Db, name: "sqlite without vectors", lacks: &[IN_MEMORY] },
    Backend { part: Part::Db, name: "postgres", lacks: &[] },
    Backend { part: Part::Db, name: "postgres without pgvector", lacks: &[] },
    Backend { part: Part::Db, name: "mariadb", lacks: &[] },
    Backend { part: Part::Db, name: "libsql", lacks: &[] },
    Backend { part: Part::Db, name: "sqlite, degrading", lacks: &[] },
    Backend { part: Part::Db, name: "module-sdk", lacks: &[IN_MEMORY] },
    Backend { part: Part::Blob, name: "memory", lacks: &[IN_MEMORY] },
    Backend { part: Part::Blob, name: "fs", lacks: &[] },
    Backend { part: Part::Blob, name: "s3, path style", lacks: &[] },
    Backend { part: Part::Blob, name: "s3, virtual hosts", lacks: &[] },
    Backend { part: Part::Blob, name: "r2", lacks: &[] },
    Backend { part: Part::Blob, name: "fs, degrading", lacks: &[] },
    Backend { part: Part::Blob, name: "module-sdk", lacks: &[IN_MEMORY] },
    Backend { part: Part::Adapter, name: "redis, postgres, s3", lacks: &[] },
    Backend { part: Part::Adapter, name: "upstash, mariadb, s3", lacks: &[] },
    Backend { part: Part::Adapter, name: "redis, libsql, r2", lacks: &[] },
    Backend { part: Part::Control, name: "sqlite", lacks: &[] },
    Backend { part: Part::Control, name: "postgres", lacks: &[] },
    Backend { part: Part::Control, name: "postgres, pooled", lacks: &[] },
    Backend { part: Part::Control, name: "mariadb", lacks: &[] },
    Backend { part: Part::Control, name: "file", lacks: &[] },
    Backend { part: Part::Control, name: "libsql", lacks: &[] },
];

impl Backend {
    /// The one with that name.
    ///
    /// # Panics
    ///
    /// If there is none: one that is not in the list would not be in the table either.
    #[expect(clippy::panic, reason = "the test that asks for it is wrong, and has to stop")]
    pub fn require(part: Part, name: &str) -> &'static Self {
        BACKENDS.iter().find(|backend| backend.part == part && backend.name == name).unwrap_or_else(|| {
            let part = part.as_str();
            panic!("expected one of the backends of {part}, found {name:?}: add it to {}", file!())
        })
    }

    /// What it can do.
    pub fn claims(&self) -> Vec<Capability> {
        Capability::ALL.iter().copied().filter(|capability| self.lack(*capability).is_none()).collect()
    }

    /// Why it cannot do that; `None` if it can.
    pub fn lack(&self, capability: Capability) -> Option<&'static str> {
        self.lacks.iter().find(|(lacking, _)| *lacking == capability).map(|(_, why)| *why)
    }

    /// Runs every case that is for it, and leaves what came out for the [table](crate::matrix).
    ///
    /// # Panics
    ///
    /// If a case failed, with all that did.
    pub async fn passes<H, F>(&self, cases: impl IntoIterator<Item = &'static Case<H>>, open: impl Fn() -> F)
    where
        H: ?Sized + Send + Sync + 'static,
        F: Future<Output = Result<Arc<H>, Failure>>,
    {
        let report = run(self.name, &self.claims(), cases, open).await;
        results::keep(self.part, &report).expect("the folder for results can be written to");
        report.assert();
    }
}
