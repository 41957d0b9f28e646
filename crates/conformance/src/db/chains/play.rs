//! A session on a database and on the model, side by side.

use penstock_storage::db::query::Order;
use penstock_storage::db::{Database, Outcome, TableQuery, code};
use serde_json::Value;

use super::call::{Call, Step};
use super::shapes::{Kind, SHAPES, Shape};
use crate::db::model::{Model, same};
use crate::{Failure, equal, holds};

/// After so many chains the whole of the tables is compared.
const STRIDE: usize = 20;

/// Plays `calls` on new tables, whose names end in `suffix`.
pub(super) async fn play(database: &dyn Database, calls: &[Call], suffix: &str) -> Result<(), Failure> {
    let model = Model::default();
    let shapes: Vec<&Shape> =
        SHAPES.iter().filter(|shape| calls.iter().any(|call| call.shape == *shape)).collect();
    for shape in &shapes {
        let sql = format!("CREATE TABLE IF NOT EXISTS {}_{suffix} ({})", shape.name, shape.definition);
        model.raw(&sql, &[]).await?;
        database.raw(&sql, &[]).await?;
    }
    let played = steps(database, &model, calls, &shapes, suffix).await;
    for shape in &shapes {
        database.raw(&format!("DROP TABLE {}_{suffix}", shape.name), &[]).await?;
    }
    played
}

async fn steps(
    database: &dyn Database,
    model: &Model,
    calls: &[Call],
    shapes: &[&Shape],
    suffix: &str,
) -> Result<(), Failure> {
    for (at, call) in calls.iter().enumerate() {
        let here = |failure: Failure| Failure::new(format!("chain {at}, {call}: {failure}"));
        one(database, model, call, suffix).await.map_err(here)?;
        if at % STRIDE == STRIDE - 1 || at + 1 == calls.len() {
            for shape in shapes {
                whole(database, model, shape, suffix).await.map_err(here)?;
            }
        }
    }
    Ok(())
}

async fn one(database: &dyn Database, model: &Model, call: &Call, suffix: &str) -> Result<(), Failure> {
    let table = format!("{}_{suffix}", call.table);
    if let Ok(query) = call.chain(model, &table).query() {
        for meant in call.steps.iter().filter_map(Step::meant) {
            holds("the text of or is read as it is meant", query.filters.contains(&meant))?;
        }
    }
    let expected = call.chain(model, &table).run().await;
    let found = call.chain(database, &table).run().await;
    if !call.is_sound() {
        equal("what cannot be understood", expected.code(), Some(code::INVALID))?;
    }
    compared(&found, &expected, call.is_ordered())
}

fn compared(found: &Outcome, expected: &Outcome, ordered: bool) -> Result<(), Failure> {
    if found.code() != expected.code() {
        let said = found.error.as_ref().map(|error| format!("{error}"));
        let expected = expected.error.as_ref().map(|error| format!("{error}"));
        return Err(Failure::new(format!("expected {expected:?}, found {said:?}, data {}", found.data)));
    }
    equal("the status", (found.status, found.status_text), (expected.status, expected.status_text))?;
    equal("the count", found.count, expected.count)?;
    let [mut found, mut expected] = [found.data.clone(), expected.data.clone()].map(without_made);
    if !ordered {
        for rows in [&mut found, &mut expected].into_iter().filter_map(Value::as_array_mut) {
            rows.sort_by_cached_key(spelt);
        }
    }
    if same(&found, &expected) {
        return Ok(());
    }
    Err(Failure::new(format!("expected {expected}, found {found}")))
}

/// As a text in which numbers are written in one way.
fn spelt(row: &Value) -> String {
    match row {
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        Value::Array(parts) => format!("[{}]", parts.iter().map(spelt).collect::<Vec<_>>().join(",")),
        Value::Object(parts) => {
            let part = |(name, value): (&String, &Value)| format!("{name:?}:{}", spelt(value));
            format!("{{{}}}", parts.iter().map(part).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The same with every id that was made up replaced by one word: they differ each time.
fn without_made(value: Value) -> Value {
    match value {
        Value::Array(parts) => parts.into_iter().map(without_made).collect(),
        Value::Object(parts) => parts.into_iter().map(|(name, value)| (name, without_made(value))).collect(),
        Value::String(text) if is_made(&text) => Value::from("made up"),
        other => other,
    }
}

fn is_made(text: &str) -> bool {
    text.len() == 36 && text.as_bytes()[8] == b'-' && text.as_bytes()[14] == b'7'
}

/// All rows of a table are the same on both sides.
async fn whole(database: &dyn Database, model: &Model, shape: &Shape, suffix: &str) -> Result<(), Failure> {
    let table = format!("{}_{suffix}", shape.name);
    let ordered = shape.columns.iter().filter(|(_, kind)| *kind != Kind::Json);
    let [mut found, mut expected] =
        [database, model].map(|database| TableQuery::on(database, &table).select("*"));
    for (column, _) in ordered {
        found = found.order(column, Order::default());
        expected = expected.order(column, Order::default());
    }
    let failure = |failure: Failure| Failure::new(format!("all of {}: {failure}", shape.name));
    compared(&found.run().await, &expected.run().await, true).map_err(failure)
}
