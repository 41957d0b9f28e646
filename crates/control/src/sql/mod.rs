//! The control store in a SQL database, through SeaORM: SQLite, PostgreSQL, MySQL and `MariaDB`. The statements
//! are built, not written; what is particular to one of them is in `connect`, `schema` and `migrate`.

mod connect;
mod dsn;
mod hints;
mod migrate;
mod row;
mod schema;
mod statement;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::OnceCell;

use self::connect::{Connections, is_collision};
pub use self::dsn::{Dsn, DsnError};
use crate::ControlError;
use crate::backend::{Backend, Guard, Select, Write, Written};
use crate::store::Store;
use crate::table::{Row, Table};

/// How often a write without a guard is tried that others were in the way of.
const ATTEMPTS: usize = 5;

/// A control store in a SQL database.
pub type SqlStore = Store<SqlBackend>;

/// Rows in a SQL database.
#[derive(Debug)]
pub struct SqlBackend {
    dsn: Dsn,
    /// There once the database was reached, and its schema made.
    connections: OnceCell<Connections>,
}

impl Store<SqlBackend> {
    /// Opens the database that `dsn` names, and makes its schema, and the file, where they are missing.
    pub async fn open(dsn: &Dsn) -> Result<Self, ControlError> {
        let backend = SqlBackend::new(dsn);
        backend.connections().await?;
        Self::start(backend).await
    }

    /// A store that connects when it is first asked, for a start while the database is away.
    pub fn later(dsn: &Dsn) -> Self {
        Self::over(SqlBackend::new(dsn))
    }

    /// Opens a store that is there, to look at it: nothing is made.
    pub async fn find(dsn: &Dsn) -> Result<Option<Self>, ControlError> {
        let is_empty = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |found| found.len()) == 0;
        if dsn.file().is_some_and(is_empty) {
            return Ok(None);
        }
        let connections = connect(dsn).await?;
        let is_there = migrate::is_done(&connections.readers).await?;
        let backend = SqlBackend { dsn: dsn.clone(), connections: connections.into() };
        Ok(is_there.then(|| Self::over(backend)))
    }
}

impl SqlBackend {
    fn new(dsn: &Dsn) -> Self {
        Self { dsn: dsn.clone(), connections: OnceCell::new() }
    }

    /// The connections; the first that asks makes them, and the schema.
    async fn connections(&self) -> Result<&Connections, ControlError> {
        let make = async || {
            let connections = connect(&self.dsn).await?;
            migrate::run(&connections).await?;
            Ok(connections)
        };
        self.connections.get_or_try_init(make).await
    }

    async fn write_once(
        connections: &Connections,
        guard: Option<Guard>,
        writes: &[Write],
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
        for write in writes {
            for statement in statement::of_write(backend, write) {
                transaction.execute_raw(statement).await?;
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
    async fn read(&self, selections: &[Select]) -> Result<Vec<Vec<Row>>, ControlError> {
        let connections = self.connections().await?;
        if let [only] = selections {
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
        for attempt in 1.. {
            match Self::write_once(connections, guard, &writes).await {
                Err(error) if is_collision(&error) && guard.is_some() => return Ok(Written::Moved),
                Err(error) if is_collision(&error) && attempt < ATTEMPTS => {}
                written => return Ok(written?),
            }
        }
        unreachable!("the last attempt returns")
    }

    fn hints(&self) -> BoxStream<'static, ()> {
        match &self.dsn {
            Dsn::Postgres(_) => hints::listen(self.dsn.clone()),
            _ => Box::pin(futures_util::stream::pending()),
        }
    }

    async fn scrub(&self, tables: &[&'static Table]) -> Result<(), ControlError> {
        let connections = self.connections().await?;
        for statement in statement::of_scrub(connections.writer.get_database_backend(), tables) {
            connections.writer.execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn close(&self) -> Result<(), ControlError> {
        match self.connections.get() {
            Some(connections) => Ok(connections.close().await?),
            None => Ok(()),
        }
    }
}

async fn connect(dsn: &Dsn) -> Result<Connections, ControlError> {
    Connections::open(dsn).await.map_err(|error| ControlError::Unavailable(format!("{dsn}: {error}")))
}

async fn rows(connection: &impl ConnectionTrait, select: &Select) -> Result<Vec<Row>, ControlError> {
    let statement = statement::of_select(connection.get_database_backend(), select);
    let rows = connection.query_all_raw(statement).await?;
    rows.iter().map(|found| Ok(row::read(select.table, found)?)).collect()
}

impl From<DbErr> for ControlError {
    fn from(error: DbErr) -> Self {
        Self::Unavailable(error.to_string())
    }
}
