//! A database that may not be there yet: a gateway starts without it, and has it when it comes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::sql::SqlDb;
use super::{Answer, Database, DbError, Hit, Migrated, Migrations, Query, Row, VectorSearch};
use crate::ErrorKind;

type Connecting = Pin<Box<dyn Future<Output = Result<SqlDb, DbError>> + Send>>;

/// A start does not wait longer for a database that hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database that is connected when it is first there.
pub struct LazyDb {
    backend: &'static str,
    connect: Box<dyn Fn() -> Connecting + Send + Sync>,
    connected: OnceCell<SqlDb>,
}

impl LazyDb {
    /// Connects by `connect`, now if that can be. That nobody is there is no error; a login that is refused,
    /// or a DSN that means nothing, is one.
    pub async fn open<F>(
        backend: &'static str,
        connect: impl Fn() -> F + Send + Sync + 'static,
    ) -> Result<Self, DbError>
    where
        F: Future<Output = Result<SqlDb, DbError>> + Send + 'static,
    {
        let connect = Box::new(move || Box::pin(connect()) as _);
        let database = Self { backend, connect, connected: OnceCell::new() };
        match tokio::time::timeout(PATIENCE, database.connected()).await {
            Ok(Err(error)) if error.kind != ErrorKind::Unavailable => Err(error),
            _ => Ok(database),
        }
    }

    async fn connected(&self) -> Result<&SqlDb, DbError> {
        self.connected.get_or_try_init(&self.connect).await
    }

    /// Flushes what is held back, and closes.
    pub async fn close(&self) {
        if let Some(database) = self.connected.get() {
            database.close().await;
        }
    }
}

impl fmt::Debug for LazyDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyDb").field("backend", &self.backend).finish_non_exhaustive()
    }
}

#[async_trait]
impl Database for LazyDb {
    fn backend(&self) -> &'static str {
        self.backend
    }

    async fn run(&self, query: &Query) -> Result<Answer, DbError> {
        self.connected().await?.run(query).await
    }

    async fn vector_search(&self, search: &VectorSearch) -> Result<Vec<Hit>, DbError> {
        self.connected().await?.vector_search(search).await
    }

    async fn raw(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        self.connected().await?.raw(sql, parameters).await
    }

    async fn migrate(&self, migrations: &Migrations) -> Result<Migrated, DbError> {
        self.connected().await?.migrate(migrations).await
    }

    async fn health(&self) -> Result<(), DbError> {
        self.connected().await?.health().await
    }
}
