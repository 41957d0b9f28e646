//! Connections, and what is particular to each kind of database about them.
//!
//! SQLite runs in WAL with one writing connection and a few reading ones; a server has one pool for both.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::{Connection as _, SqliteConnection};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

use super::Address;
use super::statement::CHECKPOINT;
use crate::background;

/// How long SQLite waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Readers of a SQLite file.
const READERS: u32 = 2;
/// What the thread of a connection to a SQLite file is called. It works behind the requests.
const THREAD: &str = "control-sqlite";
/// Connections to a server.
const CONNECTIONS: u32 = 8;
/// Forgets what another client of the pooler has prepared on this connection.
const CLEAR: &str = "DEALLOCATE ALL";
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 100;
/// How long a call waits for a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connections of a store.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) writer: DatabaseConnection,
    pub(super) readers: DatabaseConnection,
    /// Whether a pooler gives each transaction whichever connection is free: what was prepared in one is not there
    /// in the next, or is another client's.
    pub(super) pooled: bool,
}

impl Connections {
    /// Connects to the database that that is.
    pub(super) async fn open(address: &Address) -> Result<Self, DbErr> {
        let server = |url: &str| {
            let mut options = ConnectOptions::new(url);
            options.max_connections(CONNECTIONS).acquire_timeout(PATIENCE).sqlx_logging(false);
            options
        };
        let writer = match address {
            Address::Sqlite(path) => {
                // the first connection turns the file to WAL
                let writer = to_file(path, 1).await?;
                return Ok(Self { readers: to_file(path, READERS).await?, writer, pooled: false });
            }
            Address::Postgres { url, pooled } => {
                let mut options = server(url.expose());
                let kept = if *pooled { 0 } else { STATEMENTS };
                options.map_sqlx_postgres_opts(move |options| {
                    options.application_name("penstock").statement_cache_capacity(kept)
                });
                Database::connect(options).await?
            }
            Address::Mysql(url) => {
                let mut options = server(url.expose());
                options.map_sqlx_mysql_opts(|options| options.charset("utf8mb4"));
                Database::connect(options).await?
            }
        };
        Ok(Self {
            readers: writer.clone(),
            writer,
            pooled: matches!(address, Address::Postgres { pooled: true, .. }),
        })
    }

    /// Begins to write.
    pub(super) async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        // SQLite: the lock is taken now, and not when something was read already
        let mode = SqliteTransactionMode::Immediate;
        let sqlite_transaction_mode = is_sqlite(&self.writer).then_some(mode);
        let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
        let transaction = self.writer.begin_with_options(options).await?;
        if self.pooled {
            transaction.execute_unprepared(CLEAR).await?;
        }
        Ok(transaction)
    }

    /// Begins to read as of one moment.
    pub(super) async fn begin_read(&self) -> Result<DatabaseTransaction, DbErr> {
        if self.pooled {
            // the driver would prepare the statement that says what kind of transaction it is
            let transaction = self.readers.begin().await?;
            let kind = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
            // first, since after anything else it is too late
            transaction.execute_unprepared(kind).await?;
            transaction.execute_unprepared(CLEAR).await?;
            return Ok(transaction);
        }
        let options = if is_sqlite(&self.readers) {
            let sqlite_transaction_mode = Some(SqliteTransactionMode::Deferred);
            TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() }
        } else {
            TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            }
        };
        self.readers.begin_with_options(options).await
    }

    /// Whether all of the log beside a SQLite file is in the file now, and the log empty.
    pub(super) async fn is_log_emptied(&self) -> Result<bool, DbErr> {
        let checkpoint = Statement::from_string(DbBackend::Sqlite, CHECKPOINT);
        let answer = self.writer.query_one_raw(checkpoint).await?;
        let busy: Option<i64> = answer.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(busy == Some(0))
    }

    /// Flushes and closes.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        if is_sqlite(&self.writer) {
            self.writer.execute_unprepared(CHECKPOINT).await?;
        }
        self.readers.clone().close().await?;
        self.writer.clone().close().await
    }
}

fn is_sqlite(connection: &DatabaseConnection) -> bool {
    connection.get_database_backend() == DbBackend::Sqlite
}

/// Connects, and waits for a file that another process is just turning to WAL: SQLite does not wait for
/// that by itself.
pub(super) async fn to_file(path: &Path, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let until = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        match Database::connect(file_options(path, connections)).await {
            Err(error) if is_busy(&error) && tokio::time::Instant::now() < until => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

/// Connects to read alone: nothing of the file is changed, not even how it is written to.
pub(super) async fn to_look(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite::memory:");
    let path = path.to_owned();
    options.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite.filename(&path).in_memory(false).shared_cache(false);
        sqlite.read_only(true).busy_timeout(BUSY_TIMEOUT)
    });
    Database::connect(options).await
}

fn file_options(path: &Path, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite::memory:");
    let path = path.to_owned();
    options.max_connections(connections).sqlx_logging(false);
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(is_reusable(connection))).after_connect(|_, _| {
            background::let_give_way(THREAD);
            Box::pin(async { Ok(()) })
        })
    });
    options.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&path)
            .in_memory(false)
            .shared_cache(false)
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .thread_name(|_| THREAD.to_owned())
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "NORMAL")
            // index pages are written to again and again: larger steps bring each to the file less often
            .pragma("wal_autocheckpoint", "8000")
            .pragma("cache_size", "-8000")
    });
    options
}

/// Whether a connection that was given back may be used again. On a full disk SQLite rolls a transaction back by
/// itself; the driver then fails to do so, counts it as open for ever, and begins no other.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sea_orm::sqlx::Error> {
    // what was asked of it before has been done when it answers
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Whether another connection holds the file (`SQLITE_BUSY` and its kinds).
fn is_busy(error: &DbErr) -> bool {
    code(error).and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Whether another transaction was in the way, so that the same one may well succeed in a moment.
pub(super) fn is_collision(error: &DbErr) -> bool {
    // serialisation failures and deadlocks: states of PostgreSQL and of MySQL
    code(error).is_some_and(|code| ["40001", "40P01"].contains(&code.as_str()))
}

/// Whether what was prepared is not there, or another's is: the states of PostgreSQL for it.
pub(super) fn is_misled_by_a_pooler(error: &DbErr) -> bool {
    code(error).is_some_and(|code| ["26000", "42P05"].contains(&code.as_str()))
}

fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error)) = error else { return None };
    let RuntimeErr::SqlxError(error) = error else { return None };
    Some(error.as_database_error()?.code()?.into_owned())
}

/// The number of an error of MySQL's, whose states say less.
pub(super) fn mysql_number(error: &DbErr) -> Option<u16> {
    let (DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error)) = error else { return None };
    let RuntimeErr::SqlxError(error) = error else { return None };
    let error = error.as_database_error()?.try_downcast_ref::<sea_orm::sqlx::mysql::MySqlDatabaseError>()?;
    Some(error.number())
}
