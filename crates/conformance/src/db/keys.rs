//! What keys are for: to meet rows that are there, and to refuse those that may not be.

use std::sync::Arc;

use futures_util::future::join_all;
use penstock_storage::db::query::Upsert;
use penstock_storage::db::{Database, TableQuery};
use serde_json::json;

use super::{Harness, all, data, people, refused, set};
use crate::{Failure, Outcome, case::cases, equal};

cases! { "db", dyn Harness:
    upsert_changes_what_is_there;
    upsert_leaves_other_columns;
    upsert_by_another_key;
    upsert_needs_a_key;
    upsert_can_ignore_what_is_there;
    upsert_meets_other_keys_as_insert_does;
    an_upsert_is_a_whole_row;
    an_upsert_of_nothing_is_an_insert;
    a_taken_key_is_23505;
    a_missing_parent_is_23503;
    a_missing_value_is_an_error;
    a_key_is_never_null;
    a_key_may_be_0;
    parallel_upserts_leave_one_row;
}

fn people_of(db: &dyn Database) -> TableQuery<'_> {
    TableQuery::on(db, "people")
}

const ACCOUNTS: &str =
    "CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, mail TEXT NOT NULL UNIQUE, n INTEGER)";

async fn accounts(harness: &dyn Harness) -> Result<Arc<dyn Database>, Failure> {
    let db = harness.database();
    db.raw(ACCOUNTS, &[]).await?;
    let rows = json!([{"id": "a", "mail": "a@x", "n": 1}, {"id": "b", "mail": "b@x", "n": 2}]);
    data(TableQuery::on(&*db, "accounts").insert(rows).run().await)?;
    Ok(db)
}

fn by(column: &str) -> Upsert {
    Upsert { on_conflict: Some(column.to_owned()), ignore_duplicates: false }
}

async fn upsert_changes_what_is_there(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = json!([{"id": "a", "age": 31}, {"id": "z", "age": 1}]);
    let written = people_of(&*db).upsert(rows, Upsert::default()).select("id, age").run().await;
    equal("the rows", data(written)?, json!([{"id": "a", "age": 31}, {"id": "z", "age": 1}]))?;
    equal("all", set(all(&*db, "people")).await?, ["a", "b", "c", "d", "z"])
}

async fn upsert_leaves_other_columns(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    data(people_of(&*db).upsert(json!({"id": "a", "age": 31}), Upsert::default()).run().await)?;
    equal("the name", set(all(&*db, "people").eq("name", "ann").eq("age", 31)).await?, ["a"])?;
    let same = people_of(&*db).upsert(json!({"id": "a"}), Upsert::default()).select("name").run().await;
    equal("nothing to change", data(same)?, json!([{"name": "ann"}]))
}

async fn upsert_by_another_key(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    // the id that is made up for a new row must not become that of the old one
    let row = json!({"mail": "a@x", "n": 9});
    let written = TableQuery::on(&*db, "accounts").upsert(row, by("mail")).select("*").run().await;
    equal("the row", data(written)?, json!([{"id": "a", "mail": "a@x", "n": 9}]))
}

async fn upsert_needs_a_key(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let written = TableQuery::on(&*db, "accounts").upsert(json!({"mail": "c", "n": 1}), by("n")).run().await;
    refused(&written, "42P10", 400)
}

async fn upsert_can_ignore_what_is_there(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let ignore = Upsert { on_conflict: None, ignore_duplicates: true };
    let rows = json!([{"id": "a", "age": 99}, {"id": "z", "age": 99}]);
    let written = people_of(&*db).upsert(rows, ignore).select("id").run().await;
    equal("the new rows", data(written)?, json!([{"id": "z"}]))?;
    equal("the old row", set(all(&*db, "people").eq("age", 30)).await?, ["a"])
}

async fn upsert_meets_other_keys_as_insert_does(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let row = json!({"id": "z", "mail": "a@x", "n": 9});
    refused(&TableQuery::on(&*db, "accounts").upsert(row, Upsert::default()).run().await, "23505", 409)?;
    equal("unchanged", set(all(&*db, "accounts").eq("n", 9)).await?, Vec::<&str>::new())
}

async fn an_upsert_is_a_whole_row(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    for ignore_duplicates in [false, true] {
        let upsert = Upsert { on_conflict: None, ignore_duplicates };
        let written = TableQuery::on(&*db, "accounts").upsert(json!({"id": "a", "n": 9}), upsert).run().await;
        refused(&written, "23502", 400)?;
    }
    equal("unchanged", set(all(&*db, "accounts").eq("n", 9)).await?, Vec::<&str>::new())
}

async fn an_upsert_of_nothing_is_an_insert(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, s TEXT DEFAULT 'x')", &[]).await?;
    let written = TableQuery::on(&*db, "t").upsert(json!({}), Upsert::default()).select("*").run().await;
    equal("the row", data(written)?, json!([{"n": 1, "s": "x"}]))
}

async fn a_taken_key_is_23505(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let table = || TableQuery::on(&*db, "accounts");
    refused(&table().insert(json!({"id": "a", "mail": "z"})).run().await, "23505", 409)?;
    refused(&table().insert(json!({"id": "z", "mail": "a@x"})).run().await, "23505", 409)?;
    refused(&table().update(json!({"mail": "a@x"})).eq("id", "b").run().await, "23505", 409)
}

async fn a_missing_parent_is_23503(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let sql = "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, account TEXT NOT NULL, \
               FOREIGN KEY (account) REFERENCES accounts (id))";
    db.raw(sql, &[]).await?;
    let orders = || TableQuery::on(&*db, "orders");
    refused(&orders().insert(json!({"account": "nobody"})).run().await, "23503", 409)?;
    data(orders().insert(json!({"account": "a"})).run().await)?;
    refused(&TableQuery::on(&*db, "accounts").delete().eq("id", "a").run().await, "23503", 409)
}

async fn a_missing_value_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    refused(&TableQuery::on(&*db, "accounts").insert(json!({"id": "z"})).run().await, "23502", 400)
}

async fn a_key_is_never_null(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS named (name TEXT PRIMARY KEY, n INTEGER)", &[]).await?;
    db.raw("CREATE TABLE IF NOT EXISTS counted (n INTEGER PRIMARY KEY, s TEXT)", &[]).await?;
    db.raw("CREATE TABLE IF NOT EXISTS seats (hall TEXT, place INTEGER, PRIMARY KEY (hall, place))", &[])
        .await?;
    let wrong = [
        ("named", json!({"name": null})),
        ("named", json!({"n": 1})),
        ("counted", json!({"n": null})),
        ("seats", json!({"hall": "a"})),
        ("seats", json!({"hall": null, "place": 1})),
    ];
    for (table, row) in wrong {
        refused(&TableQuery::on(&*db, table).insert(row).run().await, "23502", 400)?;
    }
    data(TableQuery::on(&*db, "counted").insert(json!({"n": 5})).run().await)?;
    let counted = || TableQuery::on(&*db, "counted").update(json!({"n": null}));
    refused(&counted().eq("n", 5).run().await, "23502", 400)?;
    equal("where there is none", data(counted().eq("n", 6).select("*").run().await)?, json!([]))
}

async fn a_key_may_be_0(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, s TEXT)", &[]).await?;
    let written = TableQuery::on(&*db, "t").insert(json!({"n": 0})).select("n").single().run().await;
    equal("the row", data(written)?, json!({"n": 0}))
}

async fn parallel_upserts_leave_one_row(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let one = |n: i32| {
        let db = db.clone();
        async move {
            TableQuery::on(&*db, "accounts").upsert(json!({"mail": "new@x", "n": n}), by("mail")).run().await
        }
    };
    for outcome in join_all((0..20).map(one)).await {
        data(outcome)?;
    }
    equal("the rows", set(all(&*db, "accounts").eq("mail", "new@x")).await?.len(), 1)
}
