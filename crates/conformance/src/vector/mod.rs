//! The rows nearest to an embedding.

pub mod reference;

use std::sync::Arc;

use penstock_storage::db::{Database, Hit, NearestOptions, TableQuery};
use serde_json::{Value, json};

use crate::case::cases;
use crate::db::{Harness, all, data, refused};
use crate::{Failure, Outcome, equal, holds};

cases! { "vector", dyn Harness:
    the_nearest_come_first;
    scores_are_cosines;
    ties_go_by_id;
    the_limit_holds;
    the_least_score_holds;
    filters_come_first;
    named_columns_are_given;
    text_and_json_columns_hold_vectors_too;
    rows_without_a_vector_are_left_out;
    a_shorter_embedding_is_padded;
    a_longer_one_is_an_error;
    a_stored_vector_is_padded_and_never_cut;
    vectors_come_back_as_arrays;
    more_than_2000_dimensions_work;
    a_vector_without_direction_scores_0;
    a_column_that_is_none_is_an_error;
    what_is_no_number_is_an_error;
}

const POINTS: &str = "CREATE TABLE IF NOT EXISTS points (
    id TEXT PRIMARY KEY, kind TEXT, v VECTOR(3), t TEXT, j JSON)";

async fn points(harness: &dyn Harness) -> Result<Arc<dyn Database>, Failure> {
    let db = harness.database();
    db.raw(POINTS, &[]).await?;
    let row = |id: &str, kind: &str, v: Value| json!({"id": id, "kind": kind, "v": v, "t": v, "j": v});
    let rows = json!([
        row("e", "x", json!([0, 1, 0])),
        row("d", "y", json!([1, 1, 0])),
        row("c", "x", json!([2, 0, 0])),
        row("b", "y", json!([1, 0, 0])),
        row("a", "x", json!([-1, 0, 0])),
        {"id": "none", "kind": "x"},
    ]);
    data(TableQuery::on(&*db, "points").insert(rows).run().await)?;
    Ok(db)
}

fn ids(hits: &[Hit]) -> Vec<&str> {
    hits.iter().filter_map(|hit| hit.data.get("id")?.as_str()).collect()
}

async fn the_nearest_come_first(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let hits =
        all(&*db, "points").vector_search("v", vec![1.0, 0.1, 0.0], NearestOptions::at_most(10)).await?;
    equal("the order", ids(&hits), ["b", "c", "d", "e", "a"])
}

async fn scores_are_cosines(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let hits =
        all(&*db, "points").vector_search("v", vec![5.0, 0.0, 0.0], NearestOptions::at_most(10)).await?;
    for (hit, expected) in hits.iter().zip([1.0, 1.0, 0.5_f64.sqrt(), 0.0, -1.0]) {
        holds(&format!("{} is about {expected}", hit.score), (hit.score - expected).abs() < 1e-6)?;
    }
    equal("the number", hits.len(), 5)
}

async fn ties_go_by_id(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let hits =
        all(&*db, "points").vector_search("v", vec![1.0, 0.0, 0.0], NearestOptions::at_most(1)).await?;
    equal("the first of equals", ids(&hits), ["b"])?;
    let hits =
        all(&*db, "points").vector_search("v", vec![0.0, 0.0, 1.0], NearestOptions::at_most(10)).await?;
    equal("all equal", ids(&hits), ["a", "b", "c", "d", "e"])
}

async fn the_limit_holds(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    for (limit, expected) in [(0, 0), (2, 2), (99, 5)] {
        let hits = all(&*db, "points")
            .vector_search("v", vec![1.0, 0.0, 0.0], NearestOptions::at_most(limit))
            .await?;
        equal("the number", hits.len(), expected)?;
    }
    Ok(())
}

async fn the_least_score_holds(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let options = NearestOptions { min_score: Some(0.5), ..NearestOptions::at_most(10) };
    let hits = all(&*db, "points").vector_search("v", vec![1.0, 0.0, 0.0], options).await?;
    equal("the hits", ids(&hits), ["b", "c", "d"])
}

async fn filters_come_first(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let chain = all(&*db, "points").eq("kind", "x").neq("id", "c");
    let hits = chain.vector_search("v", vec![1.0, 0.0, 0.0], NearestOptions::at_most(1)).await?;
    equal("the hits", ids(&hits), ["e"])
}

async fn named_columns_are_given(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let chain = TableQuery::on(&*db, "points").select("what:kind");
    let hits = chain.vector_search("v", vec![0.0, 1.0, 0.0], NearestOptions::at_most(1)).await?;
    equal("the row", hits.first().map(|hit| json!(hit.data)), Some(json!({"what": "x"})))
}

async fn text_and_json_columns_hold_vectors_too(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    for column in ["t", "j"] {
        let hits = all(&*db, "points")
            .vector_search(column, vec![1.0, 0.1, 0.0], NearestOptions::at_most(10))
            .await?;
        equal(column, ids(&hits), ["b", "c", "d", "e", "a"])?;
    }
    Ok(())
}

async fn rows_without_a_vector_are_left_out(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    data(TableQuery::on(&*db, "points").update(json!({"t": "no vector"})).eq("id", "b").run().await)?;
    let hits =
        all(&*db, "points").vector_search("t", vec![1.0, 0.0, 0.0], NearestOptions::at_most(10)).await?;
    equal("the hits", ids(&hits), ["c", "d", "e", "a"])
}

async fn a_shorter_embedding_is_padded(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let hits = all(&*db, "points").vector_search("v", vec![0.0, 2.0], NearestOptions::at_most(2)).await?;
    equal("the hits", ids(&hits), ["e", "d"])
}

async fn a_longer_one_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let error = all(&*db, "points").vector_search("v", vec![1.0; 4], NearestOptions::at_most(2)).await.err();
    equal("the code", error.map(|error| error.code), Some("22000".to_owned()))
}

async fn a_stored_vector_is_padded_and_never_cut(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let row = json!({"id": "z", "v": [1, 2]});
    let written = TableQuery::on(&*db, "points").insert(row).select("v").single().run().await;
    equal("padded", data(written)?, json!({"v": [1, 2, 0]}))?;
    let long = TableQuery::on(&*db, "points").insert(json!({"id": "y", "v": [1, 2, 3, 4]})).run().await;
    refused(&long, "22000", 400)
}

async fn vectors_come_back_as_arrays(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let update = TableQuery::on(&*db, "points").update(json!({"v": [0.1, -2.5, 1e-7]})).eq("id", "a");
    equal("the array", data(update.select("v").run().await)?, json!([{"v": [0.1, -2.5, 1e-7]}]))?;
    let wrong = TableQuery::on(&*db, "points").update(json!({"v": ["x"]})).eq("id", "a").run().await;
    refused(&wrong, "22P02", 400)
}

async fn more_than_2000_dimensions_work(harness: Arc<dyn Harness>) -> Outcome {
    let db = harness.database();
    db.raw("CREATE TABLE IF NOT EXISTS wide (id TEXT PRIMARY KEY, v VECTOR(3072))", &[]).await?;
    let unit = |at: usize| (0..3072).map(|n| f64::from(u8::from(n == at))).collect::<Vec<f64>>();
    let rows = json!([{"id": "a", "v": unit(0)}, {"id": "b", "v": unit(3071)}]);
    data(TableQuery::on(&*db, "wide").insert(rows).run().await)?;
    let hits = TableQuery::on(&*db, "wide")
        .select("id")
        .vector_search("v", unit(3071), NearestOptions::at_most(1))
        .await?;
    equal("the hit", ids(&hits), ["b"])
}

async fn a_vector_without_direction_scores_0(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let hits = all(&*db, "points").vector_search("v", vec![0.0; 3], NearestOptions::at_most(2)).await?;
    equal("the scores", hits.iter().map(|hit| hit.score).collect::<Vec<_>>(), [0.0, 0.0])?;
    equal("the hits", ids(&hits), ["a", "b"])
}

async fn a_column_that_is_none_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let error =
        all(&*db, "points").vector_search("nothing", vec![1.0], NearestOptions::at_most(1)).await.err();
    equal("a column", error.map(|error| error.code), Some("42703".to_owned()))?;
    let error = all(&*db, "nowhere").vector_search("v", vec![1.0], NearestOptions::at_most(1)).await.err();
    equal("a table", error.map(|error| error.code), Some("42P01".to_owned()))
}

async fn what_is_no_number_is_an_error(harness: Arc<dyn Harness>) -> Outcome {
    let db = points(&*harness).await?;
    let wrong = [(f64::NAN, 0.0), (f64::INFINITY, 0.0), (f64::NEG_INFINITY, 0.0), (1.0, f64::NAN)];
    for (number, least) in wrong {
        let options = NearestOptions { min_score: Some(least), ..NearestOptions::at_most(2) };
        let search = all(&*db, "points").vector_search("v", vec![1.0, number], options);
        equal("the code", search.await.err().map(|error| error.code), Some("22P02".to_owned()))?;
    }
    Ok(())
}
