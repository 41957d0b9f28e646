//! What a write leaves, and what it gives.

use std::sync::Arc;

use futures_util::future::join_all;
use penstock_storage::db::query::Upsert;
use penstock_storage::db::{Database, From};
use serde_json::{Value, json};

use super::{Harness, all, data, ids, people, refused, set};
use crate::{Failure, Outcome, case::cases, equal, holds};

cases! { "db", dyn Harness:
    a_write_without_select_gives_null;
    insert_gives_rows_as_stored;
    insert_gives_rows_in_their_order;
    insert_with_single_gives_an_object;
    an_id_left_out_is_a_uuid_of_version_7;
    a_numeric_id_left_out_is_the_database_s;
    several_rows_are_written_in_one_transaction;
    a_write_that_single_refuses_is_not_done;
    upsert_changes_what_is_there;
    upsert_leaves_other_columns;
    upsert_by_another_key;
    upsert_needs_a_key;
    upsert_can_ignore_what_is_there;
    upsert_meets_other_keys_as_insert_does;
    update_changes_what_matches;
    update_gives_rows_as_stored;
    update_of_a_key_gives_the_new_one;
    update_of_nothing_is_no_error;
    delete_removes_what_matches;
    delete_gives_what_it_removed;
    update_and_delete_without_a_filter_are_refused;
    match_of_nothing_means_every_row;
    a_taken_key_is_23505;
    a_missing_parent_is_23503;
    a_missing_value_is_an_error;
    rows_that_are_none_are_refused;
    what_was_written_is_there_after_reopening requires Durable;
    what_is_not_kept_is_gone_whole unless Durable;
    parallel_upserts_leave_one_row;
}

fn people_of(db: &dyn Database) -> From<'_> {
    From::table(db, "people")
}

async fn a_write_without_select_gives_null(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("insert", data(people_of(&*db).insert(json!({"id": "z"})).run().await)?, Value::Null)?;
    let update = people_of(&*db).update(json!({"age": 1})).eq("id", "z");
    equal("update", data(update.run().await)?, Value::Null)?;
    equal("delete", data(people_of(&*db).delete().eq("id", "z").run().await)?, Value::Null)
}

async fn insert_gives_rows_as_stored(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw(
        "CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, n INTEGER DEFAULT 7, s TEXT DEFAULT 'x')",
        &[],
    )
    .await?;
    let row = data(From::table(&*db, "t").insert(json!({"id": "a"})).select("*").run().await)?;
    equal("the rows", row, json!([{"id": "a", "n": 7, "s": "x"}]))
}

async fn insert_gives_rows_in_their_order(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = json!([{"id": "z", "age": 1}, {"id": "y"}, {"name": "n", "id": "x"}]);
    equal("the ids", ids(people_of(&*db).insert(rows)).await?, ["z", "y", "x"])
}

async fn insert_with_single_gives_an_object(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let row = people_of(&*db).insert(json!({"id": "z", "age": 3})).select("id, years:age").single();
    equal("the row", data(row.run().await)?, json!({"id": "z", "years": 3}))
}

async fn an_id_left_out_is_a_uuid_of_version_7(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let made = ids(people_of(&*db).insert(json!([{"age": 1}, {"age": 2}]))).await?;
    let is_uuid = |id: &String| id.len() == 36 && id.as_bytes().get(14) == Some(&b'7');
    holds("both are UUIDs of version 7", made.len() == 2 && made.iter().all(is_uuid))?;
    holds("they differ", made.first() != made.last())?;
    equal("they are stored", set(all(&*db, "people").lt("age", 3)).await?.len(), 2)
}

async fn a_numeric_id_left_out_is_the_database_s(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n TEXT)", &[]).await?;
    let rows = json!([{"n": "x"}, {"n": "y"}]);
    let made = data(From::table(&*db, "t").insert(rows).select("*").run().await)?;
    equal("the rows", made, json!([{"id": 1, "n": "x"}, {"id": 2, "n": "y"}]))
}

async fn several_rows_are_written_in_one_transaction(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = json!([{"id": "x"}, {"id": "y"}, {"id": "a"}]);
    refused(&people_of(&*db).insert(rows).run().await, "23505", 409)?;
    equal("the rows", set(all(&*db, "people")).await?, ["a", "b", "c", "d"])
}

async fn a_write_that_single_refuses_is_not_done(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let several = people_of(&*db).update(json!({"age": 1})).gt("age", 0).select("id").single();
    refused(&several.run().await, "PGRST116", 406)?;
    equal("the rows", set(all(&*db, "people").eq("age", 1)).await?, Vec::<&str>::new())
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

const ACCOUNTS: &str =
    "CREATE TABLE IF NOT EXISTS accounts (id TEXT PRIMARY KEY, mail TEXT NOT NULL UNIQUE, n INTEGER)";

async fn accounts(harness: &dyn Harness) -> Result<Arc<dyn Database>, Failure> {
    let db = harness.database();
    db.raw(ACCOUNTS, &[]).await?;
    let rows = json!([{"id": "a", "mail": "a@x", "n": 1}, {"id": "b", "mail": "b@x", "n": 2}]);
    data(From::table(&*db, "accounts").insert(rows).run().await)?;
    Ok(db)
}

fn by(column: &str) -> Upsert {
    Upsert { on_conflict: Some(column.to_owned()), ignore_duplicates: false }
}

async fn upsert_by_another_key(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    // the id that is made up for a new row must not become that of the old one
    let row = json!({"mail": "a@x", "n": 9});
    let written = From::table(&*db, "accounts").upsert(row, by("mail")).select("*").run().await;
    equal("the row", data(written)?, json!([{"id": "a", "mail": "a@x", "n": 9}]))
}

async fn upsert_needs_a_key(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let written = From::table(&*db, "accounts").upsert(json!({"mail": "c", "n": 1}), by("n")).run().await;
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
    refused(&From::table(&*db, "accounts").upsert(row, Upsert::default()).run().await, "23505", 409)?;
    equal("unchanged", set(all(&*db, "accounts").eq("n", 9)).await?, Vec::<&str>::new())
}

async fn update_changes_what_matches(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    data(people_of(&*db).update(json!({"name": "new", "age": null})).eq("active", true).run().await)?;
    equal("changed", set(all(&*db, "people").eq("name", "new").is("age", Value::Null)).await?, ["a", "d"])?;
    equal("left", set(all(&*db, "people").eq("name", "Bob")).await?, ["b"])
}

async fn update_gives_rows_as_stored(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = people_of(&*db).update(json!({"age": "7"})).eq("age", 25).select("id, age, name");
    equal("the rows", data(rows.run().await)?, json!([{"id": "b", "age": 7, "name": "Bob"}]))
}

async fn update_of_a_key_gives_the_new_one(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = people_of(&*db).update(json!({"id": "z"})).eq("id", "a").select("id, name");
    equal("the rows", data(rows.run().await)?, json!([{"id": "z", "name": "ann"}]))
}

async fn update_of_nothing_is_no_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = people_of(&*db).update(json!({"age": 7})).eq("id", "zz").select("*");
    equal("the rows", data(rows.run().await)?, json!([]))
}

async fn delete_removes_what_matches(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    data(people_of(&*db).delete().gt("age", 25).run().await)?;
    equal("left", set(all(&*db, "people")).await?, ["b", "c"])
}

async fn delete_gives_what_it_removed(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = people_of(&*db).delete().eq("id", "b").select("id, name, active").run().await;
    equal("the rows", data(rows)?, json!([{"id": "b", "name": "Bob", "active": false}]))
}

async fn update_and_delete_without_a_filter_are_refused(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&people_of(&*db).delete().run().await, "PS001", 400)?;
    refused(&people_of(&*db).update(json!({"age": 1})).run().await, "PS001", 400)?;
    equal("the rows", set(all(&*db, "people").neq("age", 1)).await?.len(), 3)
}

async fn match_of_nothing_means_every_row(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    data(people_of(&*db).update(json!({"age": 1})).matches(json!({})).run().await)?;
    equal("changed", set(all(&*db, "people").eq("age", 1)).await?.len(), 4)?;
    data(people_of(&*db).delete().matches(json!({})).run().await)?;
    equal("left", set(all(&*db, "people")).await?, Vec::<&str>::new())
}

async fn a_taken_key_is_23505(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let table = || From::table(&*db, "accounts");
    refused(&table().insert(json!({"id": "a", "mail": "z"})).run().await, "23505", 409)?;
    refused(&table().insert(json!({"id": "z", "mail": "a@x"})).run().await, "23505", 409)?;
    refused(&table().update(json!({"mail": "a@x"})).eq("id", "b").run().await, "23505", 409)
}

async fn a_missing_parent_is_23503(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let sql = "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, account TEXT NOT NULL, \
               FOREIGN KEY (account) REFERENCES accounts (id))";
    db.raw(sql, &[]).await?;
    let orders = || From::table(&*db, "orders");
    refused(&orders().insert(json!({"account": "nobody"})).run().await, "23503", 409)?;
    data(orders().insert(json!({"account": "a"})).run().await)?;
    refused(&From::table(&*db, "accounts").delete().eq("id", "a").run().await, "23503", 409)
}

async fn a_missing_value_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    refused(&From::table(&*db, "accounts").insert(json!({"id": "z"})).run().await, "23502", 400)
}

async fn rows_that_are_none_are_refused(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    for rows in [json!(1), json!("x"), json!([1]), json!(null), json!([{"id": "z"}, 1])] {
        refused(&people_of(&*db).insert(rows.clone()).run().await, "PS002", 400)?;
    }
    refused(&people_of(&*db).update(json!([])).eq("id", "a").run().await, "PS002", 400)?;
    refused(&people_of(&*db).update(json!({})).eq("id", "a").run().await, "PS002", 400)?;
    equal("no rows", data(people_of(&*db).insert(json!([])).select("*").run().await)?, json!([]))?;
    equal("the rows", set(all(&*db, "people")).await?, ["a", "b", "c", "d"])
}

async fn what_was_written_is_there_after_reopening(harness: Arc<dyn Harness>) -> Outcome {
    people(&*harness).await?;
    let again = harness.reopen().await?;
    equal("the rows", set(all(&*again, "people")).await?, ["a", "b", "c", "d"])
}

async fn what_is_not_kept_is_gone_whole(harness: Arc<dyn Harness>) -> Outcome {
    people(&*harness).await?;
    let again = harness.reopen().await?;
    refused(&all(&*again, "people").run().await, "42P01", 404)
}

async fn parallel_upserts_leave_one_row(harness: Arc<dyn Harness>) -> Outcome {
    let db = accounts(&*harness).await?;
    let one = |n: i32| {
        let db = db.clone();
        async move {
            From::table(&*db, "accounts").upsert(json!({"mail": "new@x", "n": n}), by("mail")).run().await
        }
    };
    for outcome in join_all((0..20).map(one)).await {
        data(outcome)?;
    }
    equal("the rows", set(all(&*db, "accounts").eq("mail", "new@x")).await?.len(), 1)
}
