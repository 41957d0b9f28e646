//! Tables: a chain that a script has noted, run.

use penstock_storage::StorageAdapter;
use penstock_storage::db::query::Steps;
use penstock_storage::db::{DbError, Hit, Outcome};
use serde_json::{Value as Json, json};

use super::Arguments;
use super::storage::adapter;
use crate::engine::{Failure, Value};
use crate::host::ThreadHost;

pub(super) fn call(
    host: &ThreadHost,
    operation: &str,
    mut arguments: Arguments<'_>,
) -> Result<Value, Failure> {
    let asked = arguments.number()?;
    let storage = adapter(host, &mut arguments)?;
    let first = arguments.text()?;
    match operation {
        "db.run" => host.ask(asked, Box::pin(async move { Ok(Value::Text(run(&storage, &first).await)) })),
        "db.raw" => {
            let parameters: Vec<Json> = serde_json::from_str(&arguments.text()?)
                .map_err(|_| Failure::of_type("db.raw: expected an array of parameters"))?;
            host.ask(
                asked,
                Box::pin(async move {
                    let rows = storage.database().raw(&first, &parameters).await.map_err(failure)?;
                    Ok(Value::Text(json!(rows).to_string()))
                }),
            )
        }
        _ => host.ask(
            asked,
            Box::pin(async move {
                let steps = Steps::read(&first).map_err(failure)?;
                let hits = steps.search(storage.database()).await.map_err(failure)?;
                let hits: Vec<_> =
                    hits.iter().map(|Hit { score, data }| json!({ "score": score, "data": data })).collect();
                Ok(Value::Text(json!(hits).to_string()))
            }),
        ),
    }
}

async fn run(storage: &StorageAdapter, steps: &str) -> String {
    let outcome = match Steps::read(steps) {
        Ok(steps) => steps.run(storage.database()).await,
        Err(error) => Outcome::of_error(error),
    };
    let Outcome { data, error, count, status, status_text } = outcome;
    json!({ "data": data, "error": error, "count": count, "status": status, "statusText": status_text })
        .to_string()
}

fn failure(error: DbError) -> Failure {
    let is_storage = error.is_unavailable();
    Failure { code: Some(error.code), is_storage, ..Failure::new(error.message) }
}
