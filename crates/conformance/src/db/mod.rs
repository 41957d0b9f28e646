//! What every database has to do.

pub mod chains;
pub mod filters;
pub mod keys;
pub mod migrations;
pub mod model;
pub mod raw;
pub mod read;
pub mod values;
pub mod write;

use std::sync::Arc;

use async_trait::async_trait;
use penstock_storage::db::{Chain, Database, Outcome, TableQuery};
use serde_json::{Value, json};

use crate::vector::{self, reference};
use crate::{Case, Failure, equal};

/// A database of its own for a case.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The database, empty at first.
    fn database(&self) -> Arc<dyn Database>;

    /// The same data through a connection of its own.
    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure>;
}

/// Every case, by what it is about.
pub const GROUPS: &[&[Case<dyn Harness>]] = &[
    read::CASES,
    filters::CASES,
    write::CASES,
    keys::CASES,
    values::CASES,
    raw::CASES,
    migrations::CASES,
    vector::CASES,
    reference::CASES,
];

/// Four rows with all kinds of columns; the third has nothing but its id.
const PEOPLE: &str = "CREATE TABLE IF NOT EXISTS people (
    id TEXT PRIMARY KEY, name TEXT, age INTEGER, score REAL, active BOOLEAN, meta JSON)";

pub(crate) async fn people(harness: &dyn Harness) -> Result<Arc<dyn Database>, Failure> {
    let database = harness.database();
    database.raw(PEOPLE, &[]).await?;
    let rows = json!([
        {"id": "a", "name": "ann", "age": 30, "score": 1.5, "active": true, "meta": {"tags": ["x", "y"], "n": 1}},
        {"id": "b", "name": "Bob", "age": 25, "score": 2.5, "active": false, "meta": {"tags": ["y"], "deep": {"k": "v"}}},
        {"id": "c"},
        {"id": "d", "name": "Änne_%", "age": 40, "score": -1, "active": true, "meta": []},
    ]);
    data(TableQuery::on(&*database, "people").insert(rows).run().await)?;
    Ok(database)
}

/// The data, if there was no error.
#[track_caller]
pub(crate) fn data(outcome: Outcome) -> Result<Value, Failure> {
    match outcome.error {
        Some(error) => Err(Failure::new(error)),
        None => Ok(outcome.data),
    }
}

/// Fails the case unless the chain ended with that code and status, and without data.
#[track_caller]
pub(crate) fn refused(outcome: &Outcome, code: &str, status: u16) -> crate::Outcome {
    equal("the code", outcome.code(), Some(code))?;
    equal("the status", outcome.status, status)?;
    equal("the data", &outcome.data, &Value::Null)
}

/// The ids of the rows that the chain gives, in their order.
pub(crate) async fn ids(chain: Chain<'_>) -> Result<Vec<String>, Failure> {
    let rows = data(chain.select("id").run().await)?;
    let id = |row: &Value| row["id"].as_str().map_or_else(|| row["id"].to_string(), str::to_owned);
    Ok(rows.as_array().into_iter().flatten().map(id).collect())
}

/// The same, sorted.
pub(crate) async fn set(chain: Chain<'_>) -> Result<Vec<String>, Failure> {
    let mut found = ids(chain).await?;
    found.sort();
    Ok(found)
}

pub(crate) fn all<'a>(database: &'a dyn Database, table: &'a str) -> Chain<'a> {
    TableQuery::on(database, table).select("*")
}
