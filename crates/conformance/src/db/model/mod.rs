//! A database in memory, as plain as can be: what the others are compared with.
//!
//! It walks over all rows for every query, and knows no SQL but the portable `CREATE TABLE`. It shares the
//! types of the interface with the SQL dialects, and nothing of how they come to an answer. What it does not
//! know at all: foreign keys, bytes, times, vectors and migrations.

mod contain;
mod filter;
mod pattern;
mod read;
mod table;
mod value;
mod write;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use penstock_storage::db::query::Action;
use penstock_storage::db::{
    Answer, Database, DbError, Hit, Migrated, Migrations, Query, Row, VectorSearch, code,
};
use serde_json::Value;

use super::Harness;
use crate::Failure;
pub(crate) use contain::same;
use table::Table;

/// A database that is right because it is simple.
#[derive(Debug, Default)]
pub struct Model {
    tables: Mutex<BTreeMap<String, Table>>,
}

#[async_trait]
impl Database for Model {
    fn backend(&self) -> &'static str {
        "model"
    }

    async fn run(&self, query: &Query) -> Result<Answer, DbError> {
        let is_read = query.action == Action::Select;
        if !is_read && (!query.order.is_empty() || query.limit.is_some() || query.count) {
            return Err(DbError::invalid("only a select is sorted, cut or counted"));
        }
        let is_new = matches!(query.action, Action::Insert(_) | Action::Upsert { .. });
        if is_new && !query.filters.is_empty() {
            return Err(DbError::invalid("new rows are not filtered"));
        }
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(table) = tables.get_mut(&query.table) else {
            return Err(DbError::new(code::NO_TABLE, "no such table"));
        };
        table.require_all(query)?;
        if is_read { table.select(query) } else { table.write(query) }
    }

    async fn vector_search(&self, _: &VectorSearch) -> Result<Vec<Hit>, DbError> {
        Err(DbError::invalid("the model knows no vectors"))
    }

    async fn raw(&self, sql: &str, _: &[Value]) -> Result<Vec<Row>, DbError> {
        let table =
            Table::parse(sql).ok_or_else(|| DbError::invalid("the model knows CREATE TABLE alone"))?;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.entry(table.name.clone()).or_insert(table);
        Ok(Vec::new())
    }

    async fn migrate(&self, _: &Migrations) -> Result<Migrated, DbError> {
        Err(DbError::invalid("the model knows no migrations"))
    }

    async fn health(&self) -> Result<(), DbError> {
        Ok(())
    }
}

/// A model for each case of the kit.
#[derive(Debug, Default)]
pub struct ModelHarness(Arc<Model>);

#[async_trait]
impl Harness for ModelHarness {
    fn database(&self) -> Arc<dyn Database> {
        self.0.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure> {
        Ok(self.0.clone())
    }
}
