//! The control store in a SQL database, through SeaORM: SQLite, PostgreSQL, MySQL and `MariaDB`. The statements
//! are built, not written; what is particular to one of them is in `connect`, `schema` and `migrate`. What builds
//! them and what judges a schema serve [libSQL](crate::libsql) as well.

mod connect;
mod hints;
pub(crate) mod migrate;
mod row;
pub(crate) mod schema;
pub(crate) mod statement;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use penstock_core::Secret;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::OnceCell;

use self::connect::{Connections, is_collision};
use crate::ControlError;
use crate::backend::{Backend, Guard, Select, Write, Written};
use crate::table::{Row, Table};

/// What a DSN says where a pooler is between, which drivers cannot tell.
const POOLED: &str = "pooler=transaction";
/// Why a scrub of SQLite is not done.
const READ: &str = "another process was reading the database, so that its log beside the file could not be emptied: \
     stop what reads it, and run this again";
/// How often a write without a guard is tried that others were in the way of.
const ATTEMPTS: usize = 5;

/// A statement, and the table of which it has to change a row.
type Step = (Statement, Option<&'static Table>);

/// Which database it is, and where.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres {
        url: Secret<String>,
        /// Whether a pooler gives each transaction whichever connection is free.
        pooled: bool,
    },
    Mysql(Secret<String>),
}

impl Address {
    /// A PostgreSQL, as its DSN names it.
    pub(crate) fn postgres(dsn: &Secret<String>) -> Self {
        let dsn = dsn.expose();
        let Some((base, options)) = dsn.split_once('?') else {
            return Self::Postgres { url: dsn.clone().into(), pooled: false };
        };
        let kept: Vec<_> = options.split('&').filter(|option| *option != POOLED).collect();
        let pooled = kept.len() < options.split('&').count();
        let end = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        Self::Postgres { url: format!("{base}{end}").into(), pooled }
    }
}

/// Rows in a SQL database.
#[derive(Debug)]
pub(crate) struct SqlBackend {
    address: Address,
    /// How it is named to people.
    shown: String,
    /// There once the database was reached, and its schema made.
    connections: OnceCell<Connections>,
}

impl SqlBackend {
    /// Rows in that database, which is connected to when it is needed.
    pub(crate) fn new(address: Address, shown: String) -> Self {
        Self { address, shown, connections: OnceCell::new() }
    }

    /// The connections; the first that asks makes them, and the schema.
    async fn connections(&self) -> Result<&Connections, ControlError> {
        let make = async || {
            let connections = self.connect().await?;
            migrate::run(&connections).await?;
            Ok(connections)
        };
        self.connections.get_or_try_init(make).await
    }

    async fn connect(&self) -> Result<Connections, ControlError> {
        if let Address::Sqlite(path) = &self.address
            && !is_empty(path)
        {
            self.look(path).await?;
        }
        let connections = Connections::open(&self.address).await;
        connections.map_err(|error| ControlError::Unavailable(format!("{}: {error}", self.shown)))
    }

    /// Refuses a file that is another program's, before it is turned to WAL. One that cannot be read is left to whoever
    /// opens it, who can say why.
    async fn look(&self, path: &Path) -> Result<(), ControlError> {
        let Ok(looking) = connect::to_look(path).await else { return Ok(()) };
        let found = migrate::is_done(&looking).await;
        drop(looking.close().await);
        match found {
            Ok(_) | Err(ControlError::Unavailable(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn write_once(
        connections: &Connections,
        guard: Option<Guard>,
        statements: Vec<Step>,
    ) -> Result<Written, DbErr> {
        let transaction = connections.begin_write().await?;
        let backend = transaction.get_database_backend();
        if let Some(guard) = guard {
            let moved = transaction.execute_raw(statement::advance(backend, guard)).await?;
            if moved.rows_affected() != 1 {
                transaction.rollback().await?;
                return Ok(Written::Moved);
            }
        }
        for (statement, changes) in statements {
            let done = transaction.execute_raw(statement).await?;
            if let Some(table) = changes
                && done.rows_affected() == 0
            {
                return Err(DbErr::Custom(statement::is_lost(table)));
            }
        }
        if let Some(notice) = guard.and_then(|guard| hints::notice(backend, guard)) {
            transaction.execute_raw(notice).await?;
        }
        transaction.commit().await?;
        Ok(Written::Done)
    }
}

#[async_trait]
impl Backend for SqlBackend {
    async fn prepare(&self) -> Result<(), ControlError> {
        self.connections().await.map(drop)
    }

    async fn is_there(&self) -> Result<bool, ControlError> {
        if let Address::Sqlite(path) = &self.address
            && is_empty(path)
        {
            return Ok(false);
        }
        let connections = self.connect().await?;
        let transaction = connections.begin_read().await?;
        let is_there = migrate::is_done(&transaction).await?;
        transaction.commit().await?;
        if is_there {
            drop(self.connections.set(connections));
        }
        Ok(is_there)
    }

    async fn read(&self, selections: &[Select]) -> Result<Vec<Vec<Row>>, ControlError> {
        let connections = self.connections().await?;
        if let [only] = selections
            && !connections.pooled
        {
            return Ok(vec![rows(&connections.readers, only).await?]);
        }
        let transaction = connections.begin_read().await?;
        let mut answers = Vec::with_capacity(selections.len());
        for select in selections {
            answers.push(rows(&transaction, select).await?);
        }
        transaction.commit().await?;
        Ok(answers)
    }

    async fn write(&self, guard: Option<Guard>, writes: Vec<Write>) -> Result<Written, ControlError> {
        let connections = self.connections().await?;
        let backend = connections.writer.get_database_backend();
        let of_write = |write: Write| {
            let changes = write.changes();
            statement::of_write(backend, write).into_iter().map(move |statement| (statement, changes))
        };
        // before anything is locked
        let mut statements: Vec<_> = writes.into_iter().flat_map(of_write).collect();
        for attempt in 1.. {
            let is_last = guard.is_some() || attempt == ATTEMPTS;
            let tried = if is_last { std::mem::take(&mut statements) } else { statements.clone() };
            match Self::write_once(connections, guard, tried).await {
                Err(error) if is_collision(&error) && guard.is_some() => return Ok(Written::Moved),
                Err(error) if is_collision(&error) && attempt < ATTEMPTS => {}
                written => return Ok(written?),
            }
        }
        unreachable!("the last attempt returns")
    }

    fn hints(&self) -> BoxStream<'static, ()> {
        match &self.address {
            Address::Postgres { url, pooled: false } => hints::listen(url.clone()),
            _ => Box::pin(futures_util::stream::pending()),
        }
    }

    async fn size(&self) -> Result<u64, ControlError> {
        let connections = self.connections().await?;
        let backend = connections.readers.get_database_backend();
        if backend == DbBackend::MySql {
            // what it knows of its tables may be from before they grew
            connections.readers.execute_unprepared(&statement::analyze()).await?;
        }
        let transaction = connections.begin_read().await?;
        let found =
            transaction.query_one_raw(Statement::from_string(backend, statement::size(backend))).await?;
        let bytes = found.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten();
        transaction.commit().await?;
        Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default())
    }

    async fn scrub(&self, tables: &[&'static Table]) -> Result<(), ControlError> {
        let connections = self.connections().await?;
        let backend = connections.writer.get_database_backend();
        for statement in statement::of_scrub(backend, tables) {
            connections.writer.execute_unprepared(&statement).await?;
        }
        if backend == DbBackend::Sqlite && !connections.is_log_emptied().await? {
            return Err(ControlError::NotScrubbed(READ));
        }
        Ok(())
    }

    async fn compact(&self, tables: &[&'static Table]) -> Result<(), ControlError> {
        if matches!(self.address, Address::Sqlite(_)) {
            // what is free in the file is written to again, and to write the file anew would hold up all who write
            return Ok(());
        }
        self.scrub(tables).await
    }

    async fn close(&self) -> Result<(), ControlError> {
        match self.connections.get() {
            Some(connections) => Ok(connections.close().await?),
            None => Ok(()),
        }
    }
}

/// Whether there is no such file, or nothing in it.
fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(0, |found| found.len()) == 0
}

async fn rows(connection: &impl ConnectionTrait, select: &Select) -> Result<Vec<Row>, ControlError> {
    let statement = statement::of_select(connection.get_database_backend(), select);
    let rows = connection.query_all_raw(statement).await?;
    rows.iter().map(|found| Ok(row::read(select.table, found)?)).collect()
}

impl From<DbErr> for ControlError {
    fn from(error: DbErr) -> Self {
        let hint = if connect::is_misled_by_a_pooler(&error) {
            format!(
                "; behind a pooler that gives out connections by transaction, the dsn has to say ?{POOLED}"
            )
        } else {
            String::new()
        };
        Self::Unavailable(format!("{error}{hint}"))
    }
}
