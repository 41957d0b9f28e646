//! SQL as modules write it.

use std::sync::Arc;

use penstock_storage::db::query::Upsert;
use penstock_storage::db::{Database, TableQuery};
use serde_json::{Value, json};

use super::{Harness, all, data, people, set};
use crate::{Outcome, case::cases, equal, holds};

cases! { "db", dyn Harness:
    raw_gives_rows;
    question_marks_and_dollars_bind;
    placeholders_in_texts_and_comments_are_none;
    parameters_have_to_fit;
    several_statements_run_without_parameters;
    several_statements_are_one_transaction;
    raw_errors_reject;
    the_portable_table_runs_twice;
    a_text_key_and_a_default_are_portable;
    keys_of_several_columns_are_portable;
    a_changed_table_is_seen requires Durable;
    raw_changes_no_transaction;
    raw_reaches_nothing_else;
}

async fn raw_gives_rows(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = db.raw("SELECT id, name, age, active, meta, score FROM people ORDER BY id", &[]).await?;
    let first = json!({"id": "a", "name": "ann", "age": 30, "active": true, "score": 1.5,
        "meta": {"tags": ["x", "y"], "n": 1}});
    equal("the first", rows.first().cloned().map(Value::Object), Some(first))?;
    equal("the number", rows.len(), 4)?;
    let counted = db.raw("SELECT COUNT(*) AS n FROM people", &[]).await?;
    equal("a count", counted.first().and_then(|row| row.get("n")), Some(&json!(4)))?;
    equal("no rows", db.raw("DELETE FROM people WHERE id = 'zz'", &[]).await?.len(), 0)
}

async fn question_marks_and_dollars_bind(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let ids = async |sql: &str, parameters: &[Value]| {
        let rows = db.raw(sql, parameters).await?;
        Ok::<_, crate::Failure>(rows.iter().map(|row| row["id"].to_string()).collect::<String>())
    };
    equal(
        "?",
        ids("SELECT id FROM people WHERE age > ? AND name = ?", &[json!(20), json!("ann")]).await?,
        "\"a\"",
    )?;
    equal(
        "$",
        ids("SELECT id FROM people WHERE name = $2 AND age > $1", &[json!(20), json!("ann")]).await?,
        "\"a\"",
    )?;
    let twice = "SELECT id FROM people WHERE age = $1 OR age + 15 = $1 ORDER BY id";
    equal("twice", ids(twice, &[json!(40)]).await?, "\"b\"\"d\"")?;
    let row = [json!("z"), json!(null), json!(7), json!(true), json!(0.5)];
    db.raw("INSERT INTO people (id, name, age, active, score) VALUES (?, ?, ?, ?, ?)", &row).await?;
    let found = data(
        TableQuery::on(&*db, "people").select("name,age,active,score").eq("id", "z").single().run().await,
    )?;
    equal("the row", found, json!({"name": null, "age": 7, "active": true, "score": 0.5}))
}

async fn placeholders_in_texts_and_comments_are_none(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let sql = "SELECT '? $1 it''s' AS t /* ? $2 */ FROM people -- $3 ?\n WHERE id = $1";
    let rows = db.raw(sql, &[json!("a")]).await?;
    equal("the text", rows.first().and_then(|row| row.get("t")), Some(&json!("? $1 it's")))
}

async fn parameters_have_to_fit(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let few = db.raw("SELECT id FROM people WHERE id = ? OR id = ?", &[json!("a")]).await;
    equal("too few", few.err().map(|error| error.code), Some("PS002".to_owned()))?;
    let many = db.raw("SELECT id FROM people WHERE id = ?", &[json!("a"), json!("b")]).await;
    equal("too many", many.err().map(|error| error.code), Some("PS002".to_owned()))?;
    let several = db.raw("SELECT 1; SELECT id FROM people WHERE id = ?", &[json!("a")]).await;
    equal("several", several.err().map(|error| error.code), Some("PS002".to_owned()))?;
    equal("none", db.raw(" ; -- x", &[]).await.err().map(|error| error.code), Some("PS002".to_owned()))
}

async fn several_statements_run_without_parameters(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let sql = "UPDATE people SET age = 1 WHERE id = 'a'; UPDATE people SET age = 1 WHERE name = 'x;y';
               SELECT id FROM people WHERE age = 1;";
    let rows = db.raw(sql, &[]).await?;
    equal("the rows of the last", json!(rows), json!([{"id": "a"}]))
}

async fn several_statements_are_one_transaction(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let sql = "UPDATE people SET age = 1; INSERT INTO people (id) VALUES ('a')";
    let error = db.raw(sql, &[]).await.err();
    equal("the error", error.map(|error| (error.code, error.status)), Some(("23505".to_owned(), 409)))?;
    equal("nothing was done", set(all(&*db, "people").eq("age", 1)).await?, Vec::<&str>::new())
}

async fn raw_errors_reject(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    for sql in ["SELEC 1", "SELECT 'open", "SELECT /* open", "INSERT INTO people (id) VALUES (1, 2)"] {
        holds(&format!("{sql} is refused"), db.raw(sql, &[]).await.is_err())?;
    }
    db.health().await?;
    Ok(())
}

const PORTABLE: &str = "CREATE TABLE IF NOT EXISTS portable (
    id TEXT PRIMARY KEY, -- the key
    owner TEXT NOT NULL UNIQUE, kind TEXT NOT NULL DEFAULT 'plain', n INTEGER NOT NULL DEFAULT 0,
    ratio REAL, body BLOB, active BOOLEAN NOT NULL DEFAULT TRUE, meta JSON, embedding VECTOR(3),
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS portable_kind ON portable (kind);
CREATE UNIQUE INDEX IF NOT EXISTS portable_n ON portable (n, owner);";

async fn the_portable_table_runs_twice(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw(PORTABLE, &[]).await?;
    db.raw(PORTABLE, &[]).await?;
    let row = json!({"id": "a", "owner": "o", "embedding": [1, 0.5], "meta": {"a": 1}});
    let row = data(TableQuery::on(&*db, "portable").insert(row).select("*").single().run().await)?;
    let given =
        [("kind", json!("plain")), ("n", json!(0)), ("active", json!(true)), ("meta", json!({"a": 1}))];
    for (column, expected) in given {
        equal(column, row.get(column), Some(&expected))?;
    }
    equal("a vector", row.get("embedding"), Some(&json!([1, 0.5, 0])))
}

async fn a_text_key_and_a_default_are_portable(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, v TEXT DEFAULT 'none')", &[]).await?;
    let key = "k".repeat(300);
    data(
        TableQuery::on(&*db, "t")
            .insert(json!([{"k": key}, {"k": "K"}, {"k": "k"}, {"k": "k "}]))
            .run()
            .await,
    )?;
    equal("keys differ by bytes", data(all(&*db, "t").run().await)?.as_array().map(Vec::len), Some(4))
}

async fn keys_of_several_columns_are_portable(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS t (a TEXT, b TEXT, n INTEGER, PRIMARY KEY (a, b))", &[]).await?;
    let rows = json!([{"a": "x", "b": "y", "n": 1}, {"a": "x", "b": "z", "n": 2}]);
    data(TableQuery::on(&*db, "t").upsert(rows.clone(), Upsert::default()).run().await)?;
    let again = TableQuery::on(&*db, "t").upsert(rows, Upsert::default()).select("n").run().await;
    equal("the rows", data(again)?, json!([{"n": 1}, {"n": 2}]))
}

async fn a_changed_table_is_seen(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let other = harness.reopen().await?;
    set(all(&*other, "people")).await?;
    db.raw("ALTER TABLE people ADD COLUMN extra INTEGER", &[]).await?;
    data(TableQuery::on(&*db, "people").update(json!({"extra": 5})).eq("id", "a").run().await)?;
    // another node has read the schema before; it looks again
    let found = TableQuery::on(&*other, "people").select("extra").eq("id", "a").single().run().await;
    equal("the row", data(found)?, json!({"extra": 5}))
}

async fn raw_changes_no_transaction(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    for sql in ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "UPDATE people SET age = 1; COMMIT; SELEC 1"] {
        let error = db.raw(sql, &[]).await.err();
        equal(sql, error.map(|error| error.code), Some("42501".to_owned()))?;
    }
    equal("nothing was done", set(all(&*db, "people").eq("age", 1)).await?, Vec::<&str>::new())
}

/// Each is refused before the database sees it, by every dialect that would understand it.
const REACHING: &[&str] = &[
    "ATTACH 'other.db' AS other",
    "/* x */ aTtAcH 'other.db' AS other",
    "SELECT load_extension('x')",
    "DETACH main",
    "SET ROLE postgres",
    "COPY people FROM PROGRAM 'true'",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE people",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT LOAD_FILE('/etc/passwd')",
    "CREATE DATABASE other",
    "DROP DATABASE other",
    "GRANT ALL ON people TO other",
];

async fn raw_reaches_nothing_else(harness: Arc<dyn Harness>) -> Outcome {
    let db: Arc<dyn Database> = people(&*harness).await?;
    for sql in REACHING {
        let error = db.raw(sql, &[]).await.err();
        equal(sql, error.map(|error| error.code), Some("42501".to_owned()))?;
    }
    equal("the table is there", set(all(&*db, "people")).await?.len(), 4)
}
