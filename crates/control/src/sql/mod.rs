//! The control store in a SQL database, through SeaORM. SQLite for now; the statements are built, not
//! written, so that another dialect only adds a way to connect.
//!
//! SQLite runs in WAL with one writing connection and a few reading ones.

mod commit;
mod entity;
mod migrate;
mod records;
#[cfg(test)]
mod tests;
mod usage;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{
    ChangeSet, Committed, ControlError, ControlStore, Loaded, Settled, Settlement, UsagePage, UsageQuery,
};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(20);
const READERS: u32 = 2;
const VERSION_KEY: &str = "version";

/// A control store in a SQL database.
#[derive(Debug)]
pub struct SqlStore {
    writer: DatabaseConnection,
    readers: DatabaseConnection,
}

impl SqlStore {
    /// Opens the SQLite file at `path`, and creates it and its schema where they are missing.
    pub async fn open_sqlite(path: &Path) -> Result<Self, ControlError> {
        let writer = connect(path, 1).await.map_err(|error| at(path, &error))?;
        migrate::run(&writer).await?;
        let readers = connect(path, READERS).await.map_err(|error| at(path, &error))?;
        Ok(Self { writer, readers })
    }

    async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.writer, SqliteTransactionMode::Immediate).await
    }

    async fn begin_read(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.readers, SqliteTransactionMode::Deferred).await
    }
}

async fn begin(
    connection: &DatabaseConnection,
    mode: SqliteTransactionMode,
) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions { sqlite_transaction_mode: Some(mode), ..TransactionOptions::default() };
    connection.begin_with_options(options).await
}

/// Connects, and waits for a file that another process is just turning to WAL: SQLite does not wait for
/// that by itself.
async fn connect(path: &Path, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let until = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        match Database::connect(options(path, connections)).await {
            Err(error) if is_busy(&error) && tokio::time::Instant::now() < until => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

fn options(path: &Path, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite::memory:");
    let path = path.to_owned();
    options.max_connections(connections).sqlx_logging(false).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&path)
            .in_memory(false)
            .shared_cache(false)
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "NORMAL")
            // index pages are written to again and again: larger steps bring each to the file less often
            .pragma("wal_autocheckpoint", "8000")
            .pragma("cache_size", "-8000")
    });
    options
}

/// Whether another connection holds the file (`SQLITE_BUSY` and its kinds).
fn is_busy(error: &DbErr) -> bool {
    let (DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error)) = error else { return false };
    let RuntimeErr::SqlxError(error) = error else { return false };
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

fn at(path: &Path, error: &DbErr) -> ControlError {
    ControlError::Unavailable(format!("{}: {error}", path.display()))
}

impl From<DbErr> for ControlError {
    fn from(error: DbErr) -> Self {
        Self::Unavailable(error.to_string())
    }
}

async fn version(connection: &impl ConnectionTrait) -> Result<u64, ControlError> {
    let row = entity::meta::Entity::find_by_id(VERSION_KEY).one(connection).await?;
    let value = row.map_or_else(|| "0".to_owned(), |row| row.value);
    value.parse().map_err(|_| ControlError::Corrupt { what: "a version", value })
}

#[async_trait]
impl ControlStore for SqlStore {
    async fn load(&self) -> Result<Loaded, ControlError> {
        let transaction = self.begin_read().await?;
        let loaded =
            Loaded { records: records::load(&transaction).await?, version: version(&transaction).await? };
        transaction.commit().await?;
        Ok(loaded)
    }

    async fn version(&self) -> Result<u64, ControlError> {
        version(&self.readers).await
    }

    async fn commit(&self, changes: &ChangeSet) -> Result<Committed, ControlError> {
        let transaction = self.begin_write().await?;
        let found = version(&transaction).await?;
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
        let transaction = self.begin_write().await?;
        let settled = usage::settle(&transaction, settlements).await?;
        transaction.commit().await?;
        Ok(settled)
    }

    async fn usage(&self, query: &UsageQuery) -> Result<UsagePage, ControlError> {
        usage::page(&self.readers, query).await
    }

    async fn health(&self) -> Result<(), ControlError> {
        self.version().await.map(drop)
    }

    async fn close(&self) -> Result<(), ControlError> {
        self.writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        self.readers.clone().close().await?;
        self.writer.clone().close().await?;
        Ok(())
    }
}
