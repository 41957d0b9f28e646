//! A database that may go down.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::guard::{Guard, Pauses};
use crate::ErrorKind;
use crate::db::{Answer, Database, DbError, Hit, Migrated, Migrations, Query, Row, VectorSearch};

/// A migration may rewrite a large table, and wait for another node that does.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(15);

/// Any database, with the answers of [`degrade`](super) while it is down.
#[derive(Debug)]
pub struct DegradingDatabase {
    inner: Arc<dyn Database>,
    guard: Arc<Guard>,
}

impl DegradingDatabase {
    /// `inner`, guarded.
    pub fn new(inner: Arc<dyn Database>, pauses: Pauses) -> Self {
        let asked = Arc::clone(&inner);
        let guard = Guard::new("db", inner.backend(), pauses, move || {
            let asked = Arc::clone(&asked);
            async move { asked.health().await }
        });
        Self { inner, guard }
    }

    /// What knows whether it is down.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }
}

#[async_trait]
impl Database for DegradingDatabase {
    fn backend(&self) -> &'static str {
        self.inner.backend()
    }

    async fn run(&self, query: &Query) -> Result<Answer, DbError> {
        self.guard.call("db.run", self.inner.run(query)).await
    }

    async fn vector_search(&self, search: &VectorSearch) -> Result<Vec<Hit>, DbError> {
        match self.guard.call("db.vector_search", self.inner.vector_search(search)).await {
            Err(error) if error.kind == ErrorKind::Unavailable => Ok(Vec::new()),
            answer => answer,
        }
    }

    async fn raw(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        self.guard.call("db.raw", self.inner.raw(sql, parameters)).await
    }

    async fn migrate(&self, migrations: &Migrations) -> Result<Migrated, DbError> {
        let migrate = self.inner.migrate(migrations);
        self.guard.call_within(MIGRATION_TIMEOUT, "db.migrate", migrate).await
    }

    async fn health(&self) -> Result<(), DbError> {
        self.guard.call("db.health", self.inner.health()).await
    }
}
