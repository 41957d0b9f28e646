//! What scripts can ask of the host, by the names that the prelude calls it.

mod arguments;
mod bytes;
mod context;
mod crypto;
mod database;
mod fetch;
mod storage;
mod url;

pub(crate) use arguments::Arguments;
pub(crate) use bytes::hex_of;
pub(crate) use context::milliseconds_of;
pub(crate) use fetch::Fetcher;

use crate::engine::{Failure, Thrown, Value};
use crate::host::{Outcome, ThreadHost};

/// Does `operation`.
pub(crate) fn call(host: &ThreadHost, operation: &str, arguments: Arguments<'_>) -> Result<Value, Failure> {
    match operation.split_once('.').map_or(operation, |(group, _)| group) {
        "kv" | "blob" | "storage" => storage::call(host, operation, arguments),
        "db" => database::call(host, operation, arguments),
        "request" | "response" | "metadata" | "key" => context::call(host, operation, arguments),
        "text" | "bytes" | "percent" => bytes::call(operation, arguments),
        "hash" | "random" | "uuid" => crypto::call(operation, arguments),
        "url" => url::call(operation, arguments),
        "fetch" => fetch::call(host, arguments),
        _ => own(host, operation, arguments),
    }
}

/// What concerns the thread itself.
fn own(host: &ThreadHost, operation: &str, mut arguments: Arguments<'_>) -> Result<Value, Failure> {
    match operation {
        "settle" => {
            let call = arguments.number()?;
            let (returned, is_same) = arguments.returned()?;
            let (edits, notes) = (arguments.optional_text()?, arguments.optional_text()?);
            host.settle(call, Outcome { returned, is_same, edits, notes });
        }
        "fail" => {
            let call = arguments.number()?;
            let thrown = Thrown { message: arguments.text()?, stack: arguments.text()? };
            host.fail(call, &thrown, arguments.flag()?);
        }
        "log" => {
            let (call, level, message) = (arguments.number()?, arguments.text()?, arguments.text()?);
            host.log(call, &level, &message, arguments.optional_text()?.as_deref());
        }
        "place" => {
            let place = host.place(&arguments.text()?);
            return Ok(place.map_or(Value::Null, |place| Value::Text(place.to_string())));
        }
        "now" => return Ok(Value::Number(host.milliseconds())),
        "timer" => {
            let (timer, wait) = (arguments.number()?, arguments.float()?);
            let wait = std::time::Duration::try_from_secs_f64(wait / 1e3).unwrap_or_default();
            host.set_timer(timer, wait, arguments.flag()?);
        }
        "untimer" => host.clear_timer(arguments.number()?),
        other => return Err(Failure::of_type(format!("there is no operation {other:?}"))),
    }
    Ok(Value::Nothing)
}

/// A failure, as the prelude reads it.
pub(crate) fn problem(failure: &Failure) -> String {
    let Failure { name, message, code, is_storage } = failure;
    serde_json::json!({ "name": name, "message": message, "code": code, "isStorage": is_storage }).to_string()
}
