//! Migrations: each once, forward only, whole or not at all.

use std::sync::Arc;

use futures_util::future::try_join_all;
use penstock_storage::db::{Database, DbError, Migrated, Migration, Migrations, code};
use serde_json::{Value, json};

use super::Harness;
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "db", dyn Harness:
    migrations_are_applied_in_order_and_once requires Durable;
    migrations_of_each_module_are_its_own;
    nodes_that_start_together_apply_each_migration_once requires Durable;
    migrations_that_fail_leave_nothing_and_are_tried_again;
    migrations_that_were_changed_are_refused;
    migrations_that_are_lost_or_late_are_refused;
    migrations_of_a_newer_version_are_named;
    migrations_are_not_for_what_has_no_transaction;
}

const FIRST: (&str, &str) = (
    "001_create.sql",
    "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
     -- a semicolon in a text ends no statement
     INSERT INTO notes (id, text) VALUES (1, 'one; two');",
);
const SECOND: (&str, &str) = (
    "002_extend.sql",
    "ALTER TABLE notes ADD COLUMN stars INTEGER;
     UPDATE notes SET stars = 5 WHERE id = 1;
     CREATE INDEX notes_stars ON notes (stars);",
);
const THIRD: (&str, &str) = ("003_more.sql", "INSERT INTO notes (id, text) VALUES (2, 'three')");

fn migrations(module: &str, files: &[(&str, &str)]) -> Result<Migrations, Failure> {
    let steps: Result<_, _> = files.iter().map(|(file, sql)| Migration::new(file, sql)).collect();
    Ok(Migrations::new(module, steps?)?)
}

async fn rows(database: &dyn Database, sql: &str) -> Result<Value, Failure> {
    let rows = database.raw(sql, &[]).await?;
    Ok(Value::Array(rows.into_iter().map(Value::Object).collect()))
}

fn applied(names: &[&str]) -> Migrated {
    Migrated { applied: names.iter().map(ToString::to_string).collect(), newer: Vec::new() }
}

/// The error, which has to be about a step of that name.
#[track_caller]
fn refused(done: Result<Migrated, DbError>, name: &str) -> Result<DbError, Failure> {
    let Err(error) = done else { return Err(Failure::new(format!("expected a refusal for {name}"))) };
    let named = error.message.contains(name) && error.message.contains("notes");
    holds(&format!("{:?} names the module and {name}", error.message), named)?;
    Ok(error)
}

async fn migrations_are_applied_in_order_and_once(harness: Arc<dyn Harness>) -> Outcome {
    let database = harness.database();
    let two = migrations("notes", &[SECOND, FIRST])?;
    equal("the first time", database.migrate(&two).await?, applied(&["001_create", "002_extend"]))?;
    equal("the second time", database.migrate(&two).await?, applied(&[]))?;
    let three = migrations("notes", &[FIRST, SECOND, THIRD])?;
    let other = harness.reopen().await?;
    equal("with one more", other.migrate(&three).await?, applied(&["003_more"]))?;
    let expected = json!([
        {"id": 1, "text": "one; two", "stars": 5},
        {"id": 2, "text": "three", "stars": null},
    ]);
    equal("the rows", rows(&*database, "SELECT id, text, stars FROM notes ORDER BY id").await?, expected)
}

async fn migrations_of_each_module_are_its_own(harness: Arc<dyn Harness>) -> Outcome {
    let database = harness.database();
    database.migrate(&migrations("notes", &[FIRST])?).await?;
    let other = ("001_create.sql", "CREATE TABLE IF NOT EXISTS others (id INTEGER PRIMARY KEY)");
    let done = database.migrate(&migrations("Notes", &[other])?).await?;
    equal("a module whose name differs in one letter", done, applied(&["001_create"]))?;
    equal("its table", rows(&*database, "SELECT * FROM others").await?, json!([]))
}

async fn nodes_that_start_together_apply_each_migration_once(harness: Arc<dyn Harness>) -> Outcome {
    let three = migrations("notes", &[FIRST, SECOND, THIRD])?;
    let mut nodes = Vec::new();
    for _ in 0..4 {
        nodes.push(harness.reopen().await?);
    }
    let all = try_join_all(nodes.iter().map(|node| node.migrate(&three))).await?;
    let mut names: Vec<String> = all.into_iter().flat_map(|done| done.applied).collect();
    names.sort();
    equal("what all of them applied", names, ["001_create", "002_extend", "003_more"])?;
    let expected = json!([{"id": 1, "stars": 5}, {"id": 2, "stars": null}]);
    equal("the rows", rows(&*nodes[0], "SELECT id, stars FROM notes ORDER BY id").await?, expected)
}

async fn migrations_that_fail_leave_nothing_and_are_tried_again(harness: Arc<dyn Harness>) -> Outcome {
    let database = harness.database();
    database.migrate(&migrations("notes", &[FIRST])?).await?;
    let broken = ("002_break.sql", "UPDATE notes SET text = 'changed'; INSERT INTO notes (id) VALUES (1)");
    let failing = migrations("notes", &[FIRST, broken])?;
    for _ in 0..2 {
        let error = refused(database.migrate(&failing).await, "002_break")?;
        holds(&format!("{:?} names the statement", error.message), error.message.contains("2 of 2"))?;
    }
    // it was not applied: its text may be mended
    let mended = ("002_break.sql", "INSERT INTO notes (id, text) VALUES (2, 'two')");
    let done = database.migrate(&migrations("notes", &[FIRST, mended])?).await?;
    equal("what was applied then", done, applied(&["002_break"]))?;
    let expected = json!([{"text": "one; two"}, {"text": "two"}]);
    equal("the rows", rows(&*database, "SELECT text FROM notes ORDER BY id").await?, expected)
}

async fn migrations_that_were_changed_are_refused(harness: Arc<dyn Harness>) -> Outcome {
    let database = harness.database();
    database.migrate(&migrations("notes", &[FIRST])?).await?;
    let changed = migrations("notes", &[(FIRST.0, "SELECT 1"), THIRD])?;
    let error = refused(database.migrate(&changed).await, "001_create")?;
    equal("the code", error.code.as_str(), code::MIGRATION)?;
    holds("there is a hint", error.hint.is_some())?;
    let expected = json!([{"id": 1}]);
    equal("the rows", rows(&*database, "SELECT id FROM notes").await?, expected)
}

async fn migrations_that_are_lost_or_late_are_refused(harness: Arc<dyn Harness>) -> Outcome {
    let database = harness.database();
    database.migrate(&migrations("notes", &[FIRST, THIRD])?).await?;
    refused(database.migrate(&migrations("notes", &[FIRST, SECOND, THIRD])?).await, "002_extend")?;
    let last = ("004_last.sql", "SELECT 1");
    refused(database.migrate(&migrations("notes", &[FIRST, last])?).await, "003_more").map(drop)
}

async fn migrations_of_a_newer_version_are_named(harness: Arc<dyn Harness>) -> Outcome {
    let database = harness.database();
    database.migrate(&migrations("notes", &[FIRST, SECOND, THIRD])?).await?;
    let done = database.migrate(&migrations("notes", &[FIRST])?).await?;
    let newer = ["002_extend", "003_more"].map(str::to_owned).to_vec();
    equal("an older version", done, Migrated { applied: Vec::new(), newer })
}

async fn migrations_are_not_for_what_has_no_transaction(harness: Arc<dyn Harness>) -> Outcome {
    let database = harness.database();
    for sql in ["CREATE TABLE notes_kept (id TEXT); COMMIT", "BEGIN; SELECT 1"] {
        let denied = migrations("notes", &[("001_deny.sql", sql)])?;
        let error = refused(database.migrate(&denied).await, "001_deny")?;
        equal("the code", error.code.as_str(), code::DENIED)?;
    }
    // nothing of the first was done
    let made = migrations("notes", &[("001_deny.sql", "CREATE TABLE notes_kept (id TEXT)")])?;
    equal("the table is made now", database.migrate(&made).await?, applied(&["001_deny"]))
}
