//! Keys and values, and blobs.

use bytes::Bytes;
use penstock_storage::blob::{self, Prefix};
use penstock_storage::kv::{Keep, Key, Ttl};
use penstock_storage::{ErrorKind, StorageAdapter, StorageError};
use serde_json::json;

use super::Arguments;
use crate::engine::{Failure, Value};
use crate::host::ThreadHost;

pub(super) fn call(
    host: &ThreadHost,
    operation: &str,
    mut arguments: Arguments<'_>,
) -> Result<Value, Failure> {
    if operation == "storage.kind" {
        let storage = adapter(host, &mut arguments)?;
        return Ok(Value::Text(storage.kind().as_str().to_owned()));
    }
    let asked = arguments.number()?;
    let storage = adapter(host, &mut arguments)?;
    match operation {
        "storage.health" => host.ask(asked, Box::pin(async move { Ok(Value::Text(health(&storage))) })),
        _ if operation.starts_with("blob.") => blob(host, asked, storage, operation, arguments),
        _ => kv(host, asked, storage, operation, arguments),
    }
}

/// The adapter that is the next argument.
pub(super) fn adapter(host: &ThreadHost, arguments: &mut Arguments<'_>) -> Result<StorageAdapter, Failure> {
    host.adapter_of(usize::try_from(arguments.number()?).unwrap_or(usize::MAX))
}

fn kv(
    host: &ThreadHost,
    asked: u32,
    storage: StorageAdapter,
    operation: &str,
    mut arguments: Arguments<'_>,
) -> Result<Value, Failure> {
    let key = Key::new(arguments.text()?).map_err(failure)?;
    match operation {
        "kv.get" => host.ask(
            asked,
            Box::pin(async move {
                let found = or(storage.kv().get(&key).await, None);
                Ok(found.map_or(Value::Null, Value::Text))
            }),
        ),
        "kv.set" => {
            let (value, ttl) = (arguments.text()?, lifetime(&mut arguments)?);
            let keep = if arguments.flag()? { Keep::Volatile } else { Keep::Always };
            host.ask(
                asked,
                Box::pin(async move {
                    if let Some(ttl) = noted(ttl) {
                        or(storage.kv().set(&key, &value, ttl, keep).await, ());
                    }
                    Ok(Value::Null)
                }),
            )
        }
        "kv.setNx" => {
            let (value, ttl) = (arguments.text()?, lifetime(&mut arguments)?);
            host.ask(
                asked,
                Box::pin(async move {
                    let Some(ttl) = noted(ttl) else {
                        return Ok(Value::Bool(false));
                    };
                    Ok(Value::Bool(or(storage.kv().set_nx(&key, &value, ttl).await, false)))
                }),
            )
        }
        "kv.del" => host.ask(
            asked,
            Box::pin(async move {
                or(storage.kv().del(&key).await, ());
                Ok(Value::Null)
            }),
        ),
        "kv.ttl" => host.ask(
            asked,
            Box::pin(async move {
                let left = or(storage.kv().ttl(&key).await, penstock_storage::kv::Remaining::Missing);
                Ok(integer(left.as_seconds()))
            }),
        ),
        "kv.incr" => {
            let by = arguments.float()?;
            let by = whole(by)
                .ok_or_else(|| Failure::of_type(format!("kv.incr: expected a whole number, found {by}")))?;
            let ttl = lifetime(&mut arguments)?.map_err(failure)?;
            host.ask(
                asked,
                Box::pin(async move { storage.kv().incr(&key, by, ttl).await.map(integer).map_err(failure) }),
            )
        }
        _ => {
            let (expected, value) = (arguments.optional_text()?, arguments.text()?);
            let ttl = lifetime(&mut arguments)?.map_err(failure)?;
            host.ask(
                asked,
                Box::pin(async move {
                    let done = storage.kv().cas(&key, expected.as_deref(), &value, ttl).await;
                    done.map(Value::Bool).map_err(failure)
                }),
            )
        }
    }
}

fn blob(
    host: &ThreadHost,
    asked: u32,
    storage: StorageAdapter,
    operation: &str,
    mut arguments: Arguments<'_>,
) -> Result<Value, Failure> {
    let name = arguments.text()?;
    if operation == "blob.list" {
        let prefix = Prefix::new(name).map_err(failure)?;
        return host.ask(
            asked,
            Box::pin(async move {
                let found = or(storage.blob().list(&prefix).await, Vec::new());
                Ok(Value::Text(json!(found).to_string()))
            }),
        );
    }
    let key = blob::Key::new(name).map_err(failure)?;
    match operation {
        "blob.put" => {
            let content = Bytes::from(arguments.bytes()?.into_owned());
            host.ask(
                asked,
                Box::pin(async move {
                    storage.blob().put(&key, content).await.map(|()| Value::Null).map_err(failure)
                }),
            )
        }
        "blob.get" => host.ask(
            asked,
            Box::pin(async move {
                let found = or(storage.blob().get(&key).await, None);
                Ok(found.map_or(Value::Null, |content| Value::Bytes(content.to_vec())))
            }),
        ),
        _ => host.ask(
            asked,
            Box::pin(async move {
                or(storage.blob().delete(&key).await, ());
                Ok(Value::Null)
            }),
        ),
    }
}

/// A lifetime in seconds, or what is wrong with it.
fn lifetime(arguments: &mut Arguments<'_>) -> Result<Result<Ttl, StorageError>, Failure> {
    Ok(Ttl::from_seconds(arguments.optional_float()?))
}

/// The lifetime; one that is none is logged, and nothing is written.
fn noted(ttl: Result<Ttl, StorageError>) -> Option<Ttl> {
    ttl.inspect_err(|error| tracing::warn!(%error, "a module wrote nothing")).ok()
}

/// The answer, or `instead` of it after an error, which is logged: modules go on without.
fn or<T>(answer: Result<T, StorageError>, instead: T) -> T {
    answer.unwrap_or_else(|error| {
        tracing::warn!(%error, "a module's storage failed");
        instead
    })
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
pub(super) fn failure(error: StorageError) -> Failure {
    let is_storage = error.kind == ErrorKind::Unavailable;
    Failure { code: Some(error.kind.as_str().to_owned()), is_storage, ..Failure::new(error.to_string()) }
}

/// How the parts are, with what is wrong with them.
fn health(storage: &StorageAdapter) -> String {
    let health = storage.health();
    let part = |part: &penstock_storage::degrade::PartHealth| match &part.trouble {
        None => json!({ "ok": true, "backend": part.backend }),
        Some(trouble) => json!({
            "ok": false,
            "backend": part.backend,
            "since": trouble.since.0,
            "why": trouble.why,
        }),
    };
    let parts = health.parts.iter().map(|(name, found)| ((*name).to_owned(), part(found)));
    let details: serde_json::Map<_, _> = parts.collect();
    json!({ "ok": health.is_ok(), "details": details }).to_string()
}

/// A number as scripts have it; beyond 2^53 it is not exact.
#[expect(clippy::cast_precision_loss, reason = "numbers of scripts are floats")]
const fn integer(number: i64) -> Value {
    Value::Number(number as f64)
}

#[expect(clippy::cast_possible_truncation, reason = "checked just before")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}
