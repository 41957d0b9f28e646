//! Tables: a query builder, raw SQL and vectors, the same on every SQL dialect.
//!
//! A [`Query`] is data; [`TableQuery`] builds one in the manner of supabase-js. [`SqlDb`](sql::SqlDb)
//! renders and runs it over a [`Driver`](sql::Driver), which knows one wire protocol and nothing else. How a
//! value is written and read follows from the type of its column, which is read from the schema.

mod error;
mod lazy;
#[cfg(feature = "libsql")]
pub mod libsql;
mod migration;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod query;
mod raw;
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod value;
mod vector;

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

pub use error::{DbError, code};
pub use lazy::LazyDb;
pub use migration::{Migrated, Migration, MigrationError, Migrations};
pub use query::{Answer, Chain, NearestOptions, Outcome, Query, TableQuery};
pub use vector::{Hit, VectorSearch};

/// A row: its columns by name.
pub type Row = serde_json::Map<String, Value>;

/// A database of tables.
#[async_trait]
pub trait Database: fmt::Debug + Send + Sync {
    /// Which backend it is, such as `postgres`.
    fn backend(&self) -> &'static str;

    /// Runs a query of the builder; a write is whole or not at all.
    async fn run(&self, query: &Query) -> Result<Answer, DbError>;

    /// The rows nearest to an embedding, best first.
    async fn vector_search(&self, search: &VectorSearch) -> Result<Vec<Hit>, DbError>;

    /// Runs SQL of the storage dialect, and gives the rows of its last statement. `?` and `$1` both bind;
    /// several statements only without parameters, in one transaction where the dialect can.
    async fn raw(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError>;

    /// Applies the migrations of a module that are not applied, each once, even if several processes start
    /// at the same time.
    async fn migrate(&self, migrations: &Migrations) -> Result<Migrated, DbError>;

    /// Asks the backend whether it works.
    async fn health(&self) -> Result<(), DbError>;
}
