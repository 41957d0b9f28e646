//! What a select gives.

use std::sync::Arc;

use penstock_storage::db::query::{Order, Select};
use penstock_storage::db::{NearestOptions, TableQuery};
use serde_json::{Value, json};

use super::{Harness, all, data, ids, people, refused};
use crate::{Outcome, case::cases, equal, holds};

cases! { "db", dyn Harness:
    select_gives_every_column;
    select_gives_named_columns;
    select_renames_columns;
    select_of_nothing_is_an_empty_array;
    columns_are_names_and_nothing_else;
    single_gives_an_object;
    single_of_none_or_several_is_refused;
    maybe_single_gives_null_for_none;
    maybe_single_of_several_is_refused;
    order_puts_nulls_last_ascending_and_first_descending;
    nulls_go_where_they_are_told_to;
    order_goes_by_bytes;
    order_is_repeatable;
    limit_and_range_cut;
    a_range_past_the_end_is_empty;
    count_is_of_all_that_match;
    head_gives_no_rows;
    a_chain_is_lazy;
    an_unknown_table_is_42p01;
    an_unknown_column_is_42703;
    names_are_checked;
    the_status_tells;
    health_is_well;
}

const DOWN: Order = Order { descending: true, nulls_first: None };
const UP: Order = Order { descending: false, nulls_first: None };

async fn select_gives_every_column(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let row = data(all(&*db, "people").eq("id", "a").single().run().await)?;
    let expected = json!({"id": "a", "name": "ann", "age": 30, "score": 1.5, "active": true,
        "meta": {"tags": ["x", "y"], "n": 1}});
    equal("the row", row, expected)?;
    let row = data(all(&*db, "people").eq("id", "c").single().run().await)?;
    let expected = json!({"id": "c", "name": null, "age": null, "score": null, "active": null, "meta": null});
    equal("the empty row", row, expected)
}

async fn select_gives_named_columns(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let row = data(TableQuery::on(&*db, "people").select("name, age").eq("id", "a").single().run().await)?;
    equal("the row", row, json!({"name": "ann", "age": 30}))
}

async fn select_renames_columns(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let row = data(TableQuery::on(&*db, "people").select("who:name,id").eq("id", "a").single().run().await)?;
    equal("the row", row, json!({"who": "ann", "id": "a"}))
}

async fn select_of_nothing_is_an_empty_array(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("the rows", data(all(&*db, "people").eq("id", "zz").run().await)?, json!([]))
}

async fn columns_are_names_and_nothing_else(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    for columns in
        ["id; DROP TABLE people", "count(*)", "id as x", "\"id\"", "", "a:b:c", "id,,name", "people.id"]
    {
        refused(&TableQuery::on(&*db, "people").select(columns).run().await, "PS002", 400)?;
    }
    Ok(())
}

async fn single_gives_an_object(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let row = data(TableQuery::on(&*db, "people").select("id").eq("id", "b").single().run().await)?;
    equal("the row", row, json!({"id": "b"}))
}

async fn single_of_none_or_several_is_refused(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&all(&*db, "people").eq("id", "zz").single().run().await, "PGRST116", 406)?;
    refused(&all(&*db, "people").single().run().await, "PGRST116", 406)
}

async fn maybe_single_gives_null_for_none(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("none", data(all(&*db, "people").eq("id", "zz").maybe_single().run().await)?, Value::Null)?;
    let one = TableQuery::on(&*db, "people").select("id").eq("id", "b").maybe_single();
    equal("one", data(one.run().await)?, json!({"id": "b"}))
}

async fn maybe_single_of_several_is_refused(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&all(&*db, "people").maybe_single().run().await, "PGRST116", 406)
}

async fn order_puts_nulls_last_ascending_and_first_descending(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("up", ids(all(&*db, "people").order("age", UP)).await?, ["b", "a", "d", "c"])?;
    equal("down", ids(all(&*db, "people").order("age", DOWN)).await?, ["c", "d", "a", "b"])
}

async fn nulls_go_where_they_are_told_to(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let up = Order { descending: false, nulls_first: Some(true) };
    let down = Order { descending: true, nulls_first: Some(false) };
    equal("up", ids(all(&*db, "people").order("age", up)).await?, ["c", "b", "a", "d"])?;
    equal("down", ids(all(&*db, "people").order("age", down)).await?, ["d", "a", "b", "c"])
}

async fn order_goes_by_bytes(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("the names", ids(all(&*db, "people").order("name", UP)).await?, ["b", "a", "d", "c"])
}

async fn order_is_repeatable(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let sorted = all(&*db, "people").order("active", DOWN).order("age", DOWN);
    equal("two columns", ids(sorted).await?, ["c", "d", "a", "b"])
}

async fn limit_and_range_cut(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("limit", ids(all(&*db, "people").order("id", UP).limit(2)).await?, ["a", "b"])?;
    equal("none", ids(all(&*db, "people").limit(0)).await?, Vec::<&str>::new())?;
    equal("range", ids(all(&*db, "people").order("id", UP).range(1, 2)).await?, ["b", "c"])?;
    equal("one", ids(all(&*db, "people").order("id", UP).range(3, 3)).await?, ["d"])
}

async fn a_range_past_the_end_is_empty(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    equal("past", ids(all(&*db, "people").range(9, 12)).await?, Vec::<&str>::new())?;
    equal("huge", ids(all(&*db, "people").order("id", UP).range(3, u64::MAX)).await?, ["d"])
}

async fn count_is_of_all_that_match(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let counted = Select { count: true, head: false };
    let chain = TableQuery::on(&*db, "people").select_with("id", counted).gt("age", 20);
    let found = chain.order("id", UP).limit(1).run().await;
    equal("the count", found.count, Some(3))?;
    equal("the rows", data(found)?, json!([{"id": "a"}]))?;
    equal("without", all(&*db, "people").run().await.count, None)
}

async fn head_gives_no_rows(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let found =
        TableQuery::on(&*db, "people").select_with("*", Select { count: true, head: true }).run().await;
    equal("the count", found.count, Some(4))?;
    equal("the rows", data(found)?, Value::Null)
}

async fn a_chain_is_lazy(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    drop(TableQuery::on(&*db, "people").delete().eq("id", "a"));
    equal("the rows", ids(all(&*db, "people").eq("id", "a")).await?, ["a"])
}

async fn an_unknown_table_is_42p01(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    refused(&all(&*db, "nowhere").run().await, "42P01", 404)?;
    let write = TableQuery::on(&*db, "nowhere").insert(json!({"a": 1})).run().await;
    refused(&write, "42P01", 404)?;
    let error = db.raw("SELECT * FROM nowhere", &[]).await.err();
    equal("raw", error.map(|error| (error.code, error.status)), Some(("42P01".to_owned(), 404)))
}

async fn an_unknown_column_is_42703(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    refused(&TableQuery::on(&*db, "people").select("nothing").run().await, "42703", 400)?;
    refused(&all(&*db, "people").eq("nothing", 1).run().await, "42703", 400)?;
    refused(&all(&*db, "people").order("nothing", UP).run().await, "42703", 400)?;
    refused(&all(&*db, "people").or("id.eq.a,nothing.eq.1").run().await, "42703", 400)?;
    refused(
        &TableQuery::on(&*db, "people").insert(json!({"id": "z", "nothing": 1})).run().await,
        "42703",
        400,
    )?;
    let error = db.raw("SELECT missing FROM people", &[]).await.err();
    equal("raw", error.map(|error| (error.code, error.status)), Some(("42703".to_owned(), 400)))
}

async fn names_are_checked(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let long = "x".repeat(64);
    for name in ["", "1a", "a-b", "a b", "pe\"ople", "people;", "a.b", "ä", long.as_str()] {
        refused(&all(&*db, name).run().await, "PS002", 400)?;
        refused(&all(&*db, "people").eq(name, 1).run().await, "PS002", 400)?;
        refused(&all(&*db, "people").order(name, UP).run().await, "PS002", 400)?;
        refused(
            &TableQuery::on(&*db, "people").update(json!({name: 1})).eq("id", "a").run().await,
            "PS002",
            400,
        )?;
        let mut search = all(&*db, "people").vector_search(name, vec![1.0], NearestOptions::at_most(1)).await;
        holds("a search is refused", search.as_mut().is_err())?;
    }
    Ok(())
}

async fn the_status_tells(harness: Arc<dyn Harness>) -> Outcome {
    let db = people(&*harness).await?;
    let read = all(&*db, "people").run().await;
    equal("read", (read.status, read.status_text), (200, "OK"))?;
    let insert = TableQuery::on(&*db, "people").insert(json!({"id": "z"})).run().await;
    equal("insert", (insert.status, insert.status_text), (201, "Created"))?;
    let delete = TableQuery::on(&*db, "people").delete().eq("id", "z").run().await;
    equal("delete", (delete.status, delete.status_text), (204, "No Content"))
}

async fn health_is_well(harness: Arc<dyn Harness>) -> Outcome {
    harness.database().health().await?;
    Ok(())
}
