//! What a write leaves, and what it gives.

use std::sync::Arc;

use penstock_storage::db::{Database, TableQuery};
use serde_json::{Value, json};

use super::{Harness, all, data, ids, people, refused, set};
use crate::{Outcome, case::cases, equal, holds};

cases! { "db", dyn Harness:
    a_write_without_select_gives_null;
    insert_gives_rows_as_stored;
    insert_gives_rows_in_their_order;
    insert_with_single_gives_an_object;
    an_id_left_out_is_a_uuid_of_version_7;
    a_numeric_id_left_out_is_the_database_s;
    several_rows_are_written_in_one_transaction;
    many_rows_of_all_shapes_are_written;
    a_write_that_single_refuses_is_not_done;
    update_changes_what_matches;
    update_gives_rows_as_stored;
    update_of_a_key_gives_the_new_one;
    update_of_nothing_is_no_error;
    rows_without_a_key_are_given_as_written;
    delete_removes_what_matches;
    delete_gives_what_it_removed;
    update_and_delete_without_a_filter_are_refused;
    match_of_nothing_means_every_row;
    values_are_read_before_any_is_written;
    a_column_is_given_once;
    new_rows_have_no_filters;
    rows_that_are_none_are_refused;
    what_was_written_is_there_after_reopening requires Durable;
    what_is_not_kept_is_gone_whole unless Durable;
}

fn people_of(db: &dyn Database) -> TableQuery<'_> {
    TableQuery::on(db, "people")
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
    let row = data(TableQuery::on(&*db, "t").insert(json!({"id": "a"})).select("*").run().await)?;
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
    let made = data(TableQuery::on(&*db, "t").insert(rows).select("*").run().await)?;
    equal("the rows", made, json!([{"id": 1, "n": "x"}, {"id": 2, "n": "y"}]))
}

async fn several_rows_are_written_in_one_transaction(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = json!([{"id": "x"}, {"id": "y"}, {"id": "a"}]);
    refused(&people_of(&*db).insert(rows).run().await, "23505", 409)?;
    equal("the rows", set(all(&*db, "people")).await?, ["a", "b", "c", "d"])
}

async fn many_rows_of_all_shapes_are_written(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let row = |n: usize| match n % 100 {
        0 => json!({}),
        1 => json!({"name": "long ".repeat(10_000)}),
        2..50 => json!({"age": n + 1000, "meta": {"n": n}}),
        _ => json!({"id": format!("row {n}"), "name": n, "active": n.is_multiple_of(2)}),
    };
    let rows: Vec<Value> = (0..3000).map(row).collect();
    data(people_of(&*db).insert(json!(rows)).run().await)?;
    equal(
        "empty",
        set(all(&*db, "people").gt("id", "0").lt("id", "1").is("name", Value::Null)).await?.len(),
        1470,
    )?;
    equal("long", set(all(&*db, "people").like("name", "long%")).await?.len(), 30)?;
    equal("with an age", set(all(&*db, "people").gt("age", 1000)).await?.len(), 1440)?;
    equal("the last", set(all(&*db, "people").eq("name", "2999")).await?, ["row 2999"])?;
    let mut rows: Vec<Value> = (0..3000).map(|n| json!({"id": format!("other {n}")})).collect();
    rows.push(json!({"id": "other 7"}));
    refused(&people_of(&*db).insert(json!(rows)).run().await, "23505", 409)?;
    equal("none of them", set(all(&*db, "people").like("id", "other%")).await?, Vec::<&str>::new())
}

async fn a_write_that_single_refuses_is_not_done(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let several = people_of(&*db).update(json!({"age": 1})).gt("age", 0).select("id").single();
    refused(&several.run().await, "PGRST116", 406)?;
    equal("the rows", set(all(&*db, "people").eq("age", 1)).await?, Vec::<&str>::new())
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

async fn rows_without_a_key_are_given_as_written(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS notes (a TEXT, b INTEGER, c REAL DEFAULT 1.5)", &[]).await?;
    let notes = || TableQuery::on(&*db, "notes");
    data(notes().insert(json!({"a": "x", "b": 1})).run().await)?;
    let written = notes().insert(json!({"a": "x"})).select("*").run().await;
    equal("a new one", data(written)?, json!([{"a": "x", "b": null, "c": 1.5}]))?;
    let written = notes().update(json!({"a": "y"})).eq("a", "x").gt("b", 0).select("*").run().await;
    equal("a changed one", data(written)?, json!([{"a": "y", "b": 1, "c": 1.5}]))
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

async fn values_are_read_before_any_is_written(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let rows = json!([{"id": "a"}, {"id": "z", "age": "old"}]);
    refused(&people_of(&*db).insert(rows).run().await, "22P02", 400)
}

async fn a_column_is_given_once(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&people_of(&*db).insert(json!({"id": "z", "ID": "y"})).run().await, "PS002", 400)?;
    let update = people_of(&*db).update(json!({"age": 1, "Age": 2})).eq("id", "a");
    refused(&update.run().await, "PS002", 400)
}

async fn new_rows_have_no_filters(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&people_of(&*db).insert(json!({"id": "z"})).eq("id", "y").run().await, "PS002", 400)?;
    equal("the rows", set(all(&*db, "people")).await?, ["a", "b", "c", "d"])
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
