//! SQLite: a file in WAL with one writing connection and a few reading ones, or memory.

mod authorise;

use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use penstock_sqlite_native as native;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ColumnOrigin, Connection as _, Row as _, Transaction,
    TypeInfo as _, ValueRef as _,
};

use super::raw::OWN_TABLES;
use super::sql::{Column, Dialect, Driver, Field, Mode, Ranking, Rows, Session, SqlDb, Statement, Table};
use super::value::{Cell, Kind};
use super::vector::Cosine;
use super::{DbError, code};
use crate::Retry;

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Before a file that is being made is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
const READERS: u32 = 4;

/// The driver.
#[derive(Debug)]
pub struct SqliteDriver {
    writer: SqlitePool,
    readers: SqlitePool,
    vectors: bool,
}

impl SqliteDriver {
    /// The database in the file at `path`, made if it is missing.
    pub async fn open(path: &Path) -> Result<SqlDb, DbError> {
        let options = options().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let begun = Instant::now();
        let writer = loop {
            match pool(options.clone(), 1, true).await {
                // to turn a file to WAL waits for nobody: another process may be doing it at this moment
                Err(error) if error.retry == Retry::Later && begun.elapsed() < BUSY_TIMEOUT => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                opened => break opened?,
            }
        };
        let readers = pool(options, READERS, true).await?;
        Ok(SqlDb::new(Self { writer, readers, vectors: true }))
    }

    /// A database in memory, gone when it is dropped.
    pub async fn memory() -> Result<SqlDb, DbError> {
        Self::in_memory(true).await
    }

    /// The same, as if it knew nothing of vectors.
    pub async fn memory_without_vectors() -> Result<SqlDb, DbError> {
        Self::in_memory(false).await
    }

    async fn in_memory(vectors: bool) -> Result<SqlDb, DbError> {
        let writer = pool(options().in_memory(true), 1, vectors).await?;
        Ok(SqlDb::new(Self { readers: writer.clone(), writer, vectors }))
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("trusted_schema", "OFF")
        // a name in double quotes that is no column is an error, not a text
        .optimize_on_close(false, None)
}

async fn pool(options: SqliteConnectOptions, size: u32, vectors: bool) -> Result<SqlitePool, DbError> {
    SqlitePoolOptions::new()
        .max_connections(size)
        // memory lives as long as its one connection
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        // there is no network that could have lost it
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(prepare(connection, vectors)))
        // on a full disk SQLite rolls back by itself; the driver, which may not do so twice, would count that
        // transaction for ever, and begin no other
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(|error| failure(&error))
}

/// Gives a new connection what it needs before a module's statements reach it.
async fn prepare(connection: &mut SqliteConnection, vectors: bool) -> Result<(), sqlx::Error> {
    let mut handle = connection.lock_handle().await?;
    let mut add = || {
        if vectors {
            native::add_vectors(&mut handle)?;
            native::add_function::<Cosine>(&mut handle)?;
        }
        // last: what stands above is not a module's
        native::restrict::<authorise::ForModules>(&mut handle)
    };
    add().map_err(|error| sqlx::Error::Configuration(error.into()))
}

#[async_trait]
impl Driver for SqliteDriver {
    fn backend(&self) -> &'static str {
        "sqlite"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn begin(&self, mode: Mode) -> Result<Box<dyn Session>, DbError> {
        let connection = match mode {
            Mode::Read => Held::Loose(self.readers.acquire().await.map_err(|error| failure(&error))?),
            Mode::Loose => Held::Loose(self.writer.acquire().await.map_err(|error| failure(&error))?),
            Mode::Write => {
                let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
                Held::Whole(begun.map_err(|error| failure(&error))?)
            }
        };
        Ok(Box::new(connection))
    }

    async fn table(&self, name: &str) -> Result<Option<Table>, DbError> {
        read_table(&mut *self.begin(Mode::Read).await?, name).await
    }

    fn ranking(&self, _table: &Table, _vector: &Column) -> Ranking {
        if self.vectors { Ranking::Cosine } else { Ranking::None }
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// What SQLite and libSQL know of a table.
pub(super) async fn read_table(session: &mut dyn Session, name: &str) -> Result<Option<Table>, DbError> {
    let sql = "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid";
    let parameters = vec![Cell::Text(name.to_owned())];
    let found = session.run(Statement { sql: sql.to_owned(), parameters }).await?;
    let mut table = Table { name: name.to_owned(), ..Table::default() };
    let mut primary = Vec::new();
    for row in found.rows {
        let [Cell::Text(name), Cell::Text(declared), Cell::Integer(place)] = row.as_slice() else { continue };
        // a collation of the column's own would show in its texts; `BINARY` is the default and stays one
        table.columns.push(Column { name: name.clone(), kind: Kind::of(declared), collated: true });
        if *place > 0 {
            primary.push((*place, name.clone()));
        }
    }
    if table.columns.is_empty() {
        return Ok(None);
    }
    primary.sort();
    table.primary = primary.into_iter().map(|(_, name)| name).collect();
    let sql = "SELECT l.name, i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i \
               WHERE l.\"unique\" = 1 AND l.partial = 0 ORDER BY l.name, i.seqno";
    let parameters = vec![Cell::Text(name.to_owned())];
    let found = session.run(Statement { sql: sql.to_owned(), parameters }).await?;
    let key = |row: Vec<Cell>| match <[Cell; 2]>::try_from(row) {
        Ok([Cell::Text(key), Cell::Text(column)]) => Some((key, column)),
        _ => None,
    };
    table.add_unique(found.rows.into_iter().filter_map(key));
    Ok(Some(table))
}

enum Held {
    Loose(sqlx::pool::PoolConnection<Sqlite>),
    Whole(Transaction<'static, Sqlite>),
}

#[async_trait]
impl Session for Held {
    async fn run(&mut self, statement: Statement) -> Result<Rows, DbError> {
        let connection = match self {
            Self::Loose(connection) => &mut **connection,
            Self::Whole(transaction) => &mut **transaction,
        };
        let mut arguments = SqliteArguments::default();
        for cell in statement.parameters {
            let added = match cell {
                Cell::Null => arguments.add(None::<i64>),
                Cell::Bool(value) => arguments.add(value),
                Cell::Integer(value) => arguments.add(value),
                Cell::Real(value) => arguments.add(value),
                Cell::Text(text) => arguments.add(text),
                Cell::Bytes(bytes) => arguments.add(bytes),
            };
            added.map_err(|error| DbError::new(code::OTHER, error.to_string()))?;
        }
        // schemas change under a running process: what was prepared before may name other columns
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), arguments).persistent(false);
        let mut stream = query.fetch(connection);
        let mut rows = Rows::default();
        while let Some(row) = stream.try_next().await.map_err(|error| failure(&error))? {
            if rows.fields.is_empty() {
                rows.fields = row.columns().iter().map(field).collect();
            }
            rows.rows.push(cells(&row).map_err(|error| failure(&error))?);
        }
        Ok(rows)
    }

    async fn commit(self: Box<Self>) -> Result<(), DbError> {
        match *self {
            Self::Loose(_) => Ok(()),
            Self::Whole(transaction) => transaction.commit().await.map_err(|error| failure(&error)),
        }
    }
}

fn field(column: &sqlx::sqlite::SqliteColumn) -> Field {
    let origin = match column.origin() {
        ColumnOrigin::Table(origin) => {
            let table = origin.table.rsplit('.').next().unwrap_or_default().to_owned();
            Some((table, origin.name.to_string()))
        }
        _ => None,
    };
    Field { name: column.name().to_owned(), kind: Kind::Other, origin }
}

/// By what each value is; SQLite's columns do not decide that.
fn cells(row: &SqliteRow) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |at| {
        let value = row.try_get_raw(at)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let name = value.type_info().name().to_owned();
        Ok(match name.as_str() {
            "INTEGER" | "BOOLEAN" => Cell::Integer(row.try_get_unchecked(at)?),
            "REAL" => Cell::Real(row.try_get_unchecked(at)?),
            "BLOB" => Cell::Bytes(row.try_get_unchecked(at)?),
            _ => Cell::Text(row.try_get_unchecked(at)?),
        })
    };
    (0..row.len()).map(cell).collect()
}

fn failure(error: &sqlx::Error) -> DbError {
    match error {
        sqlx::Error::Database(error) => refusal(error.code().as_deref().unwrap_or_default(), error.message()),
        other => DbError::unavailable(other.to_string()),
    }
}

/// What the authoriser refuses; SQLite itself only says that it did.
const DENIED: &str = "other databases, temporary tables, pragmas that change something and functions that \
                      reach files are not for modules";

/// By SQLite's extended result code, or its words.
pub(super) fn refusal(number: &str, message: &str) -> DbError {
    if number == "23" || message.starts_with("not authorized") {
        return DbError::new(code::DENIED, DENIED).with_details(message).with_hint(OWN_TABLES);
    }
    let code = match number {
        "2067" | "1555" | "2579" => code::UNIQUE,
        "787" | "1811" => code::FOREIGN_KEY,
        "1299" => code::NOT_NULL,
        "275" => code::CHECK,
        "5" | "6" | "261" | "517" => "40001",
        "13" => code::FULL,
        "10" | "14" | "26" => code::UNAVAILABLE,
        _ if message.contains("UNIQUE constraint") => code::UNIQUE,
        _ if message.contains("FOREIGN KEY constraint") => code::FOREIGN_KEY,
        _ if message.contains("NOT NULL constraint") => code::NOT_NULL,
        _ if message.contains("CHECK constraint") => code::CHECK,
        _ if message.contains("no such table") => code::NO_TABLE,
        _ if message.contains("no such column") || message.contains("has no column named") => code::NO_COLUMN,
        _ if message.contains("already exists") => code::EXISTS,
        _ if message.contains("duplicate column name") => code::COLUMN_EXISTS,
        _ => code::OTHER,
    };
    DbError::new(code, message)
}

#[cfg(test)]
mod tests;
