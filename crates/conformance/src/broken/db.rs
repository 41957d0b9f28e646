//! Databases with a fault each.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_storage::db::query::{Action, Filter, Operator};
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::db::{Answer, Database, DbError, Hit, Migrated, Migrations, Query, Row, VectorSearch};
use serde_json::Value;

use crate::Failure;
use crate::db::Harness;

/// What is wrong with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its last filter is not looked at.
    FilterIgnored,
    /// It does not sort.
    OrderLost,
    /// Each row is written by itself.
    HalfWrite,
    /// Null is equal to null.
    NullMatches,
    /// A search that has to be exact finds no more than an index might.
    NearMiss,
    /// A search that need not be exact finds too little.
    FarMiss,
}

/// A database with a fault.
#[derive(Debug)]
pub struct BrokenDb {
    inner: Arc<dyn Database>,
    fault: Fault,
}

/// A harness of such a database.
#[derive(Debug)]
pub struct BrokenHarness(Arc<BrokenDb>);

impl BrokenHarness {
    /// In memory, with that fault.
    pub async fn open(fault: Fault) -> Result<Arc<dyn Harness>, Failure> {
        let inner = Arc::new(SqliteDriver::memory().await?);
        Ok(Arc::new(Self(Arc::new(BrokenDb { inner, fault }))))
    }
}

#[async_trait]
impl Harness for BrokenHarness {
    fn database(&self) -> Arc<dyn Database> {
        self.0.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure> {
        Ok(self.0.clone())
    }
}

#[async_trait]
impl Database for BrokenDb {
    fn backend(&self) -> &'static str {
        "broken"
    }

    async fn run(&self, query: &Query) -> Result<Answer, DbError> {
        let mut query = query.clone();
        match (self.fault, &query.action) {
            (Fault::FilterIgnored, Action::Select) => drop(query.filters.pop()),
            (Fault::OrderLost, _) => query.order.clear(),
            (Fault::HalfWrite, Action::Insert(rows)) => {
                let mut whole = Answer::default();
                for row in rows.clone() {
                    let one = Query { action: Action::Insert(vec![row]), ..query.clone() };
                    whole.rows.extend(self.inner.run(&one).await?.rows);
                }
                return Ok(whole);
            }
            (Fault::NullMatches, _) => {
                for filter in &mut query.filters {
                    if let Filter::Compare { operator, value, .. } = filter
                        && *operator == Operator::Eq
                        && value.is_null()
                    {
                        *operator = Operator::Is;
                    }
                }
            }
            _ => {}
        }
        self.inner.run(&query).await
    }

    async fn vector_search(&self, search: &VectorSearch) -> Result<Vec<Hit>, DbError> {
        let mut hits = self.inner.vector_search(search).await?;
        let misses = if search.exact { Fault::NearMiss } else { Fault::FarMiss };
        if self.fault == misses && hits.len() > 1 {
            hits[0] = hits[1].clone();
        }
        Ok(hits)
    }

    async fn raw(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        self.inner.raw(sql, parameters).await
    }

    async fn migrate(&self, migrations: &Migrations) -> Result<Migrated, DbError> {
        self.inner.migrate(migrations).await
    }

    async fn health(&self) -> Result<(), DbError> {
        self.inner.health().await
    }
}
