//! The control store in a SQL database, through SeaORM: SQLite, PostgreSQL, MySQL and `MariaDB`. The statements
//! are built, not written; what is particular to one of them is in `connect` and `migrate`.

mod commit;
mod connect;
mod dsn;
mod entity;
mod migrate;
mod records;
#[cfg(test)]
mod tests;
mod usage;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QuerySelect};

use self::connect::{Connections, is_collision};
pub use self::dsn::{Dsn, DsnError};
use crate::{
    ChangeSet, Committed, ControlError, ControlStore, Loaded, Settled, Settlement, UsagePage, UsageQuery,
};

const VERSION_KEY: &str = "version";
/// How often a transaction that met another one is tried.
const ATTEMPTS: usize = 5;

/// A control store in a SQL database.
#[derive(Debug)]
pub struct SqlStore {
    connections: Connections,
}

impl SqlStore {
    /// Opens the database that `dsn` names, and makes its schema, and the file, where they are missing.
    pub async fn open(dsn: &Dsn) -> Result<Self, ControlError> {
        let connections = connect(dsn).await?;
        migrate::run(&connections).await?;
        Ok(Self { connections })
    }

    /// Opens a store that is there, to look at it: nothing is made.
    pub async fn find(dsn: &Dsn) -> Result<Option<Self>, ControlError> {
        let is_empty = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |found| found.len()) == 0;
        if dsn.file().is_some_and(is_empty) {
            return Ok(None);
        }
        let connections = connect(dsn).await?;
        let is_there = migrate::is_done(&connections.readers).await?;
        Ok(is_there.then_some(Self { connections }))
    }

    async fn settle_once(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, ControlError> {
        let transaction = self.connections.begin_write().await?;
        let settled = usage::settle(&transaction, settlements).await?;
        transaction.commit().await?;
        Ok(settled)
    }
}

async fn connect(dsn: &Dsn) -> Result<Connections, ControlError> {
    Connections::open(dsn).await.map_err(|error| ControlError::Unavailable(format!("{dsn}: {error}")))
}

impl From<DbErr> for ControlError {
    fn from(error: DbErr) -> Self {
        if is_collision(&error) { Self::Stale } else { Self::Unavailable(error.to_string()) }
    }
}

async fn version(connection: &impl ConnectionTrait) -> Result<u64, ControlError> {
    parse_version(entity::meta::Entity::find_by_id(VERSION_KEY).one(connection).await?)
}

/// The version, which no other commit changes meanwhile.
async fn locked_version(connection: &impl ConnectionTrait) -> Result<u64, ControlError> {
    parse_version(entity::meta::Entity::find_by_id(VERSION_KEY).lock_exclusive().one(connection).await?)
}

fn parse_version(row: Option<entity::meta::Model>) -> Result<u64, ControlError> {
    let value = row.map_or_else(|| "0".to_owned(), |row| row.value);
    value.parse().map_err(|_| ControlError::Corrupt { what: "a version", value })
}

#[async_trait]
impl ControlStore for SqlStore {
    async fn load(&self) -> Result<Loaded, ControlError> {
        let transaction = self.connections.begin_read().await?;
        let loaded =
            Loaded { records: records::load(&transaction).await?, version: version(&transaction).await? };
        transaction.commit().await?;
        Ok(loaded)
    }

    async fn version(&self) -> Result<u64, ControlError> {
        version(&self.connections.readers).await
    }

    async fn commit(&self, changes: &ChangeSet) -> Result<Committed, ControlError> {
        let transaction = self.connections.begin_write().await?;
        let found = locked_version(&transaction).await?;
        if changes.based_on.is_some_and(|expected| expected != found) {
            return Err(ControlError::Stale);
        }
        let ids = commit::apply(&transaction, changes).await?;
        let version = found + 1;
        entity::meta::set(&transaction, VERSION_KEY, version.to_string()).await?;
        transaction.commit().await?;
        Ok(Committed { version, ids })
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, ControlError> {
        for _ in 1..ATTEMPTS {
            match self.settle_once(settlements).await {
                // another node settled one of them at the same time, which is seen now
                Err(ControlError::Stale) => {}
                settled => return settled,
            }
        }
        self.settle_once(settlements).await
    }

    async fn usage(&self, query: &UsageQuery) -> Result<UsagePage, ControlError> {
        usage::page(&self.connections.readers, query).await
    }

    async fn health(&self) -> Result<(), ControlError> {
        self.version().await.map(drop)
    }

    async fn close(&self) -> Result<(), ControlError> {
        Ok(self.connections.close().await?)
    }
}
