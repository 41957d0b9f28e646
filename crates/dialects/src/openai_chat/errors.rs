//! `{"error":{message,type,param,code}}`.
//! <https://platform.openai.com/docs/guides/error-codes/api-errors>

use serde::Deserialize;
use serde_json::{Value, json};

use crate::codec::ErrorReport;
use crate::errors::ErrorFacts;

/// What an error says. Lookalikes write texts where objects belong, and numbers where texts do.
pub(crate) fn read(body: &[u8]) -> Option<ErrorReport> {
    #[derive(Deserialize)]
    struct Shape {
        error: Value,
    }
    let Shape { error } = serde_json::from_slice(body).ok()?;
    let text = |name: &str| match error.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let message = error.as_str().map(str::to_owned).or_else(|| text("message"))?;
    Some(ErrorReport { message, code: text("code").or_else(|| text("type")), param: text("param") })
}

pub(crate) fn body(facts: &ErrorFacts<'_>) -> Value {
    json!({"error": {
        "message": facts.message,
        "type": facts.kind_or(kind(facts.status)),
        "param": facts.param,
        "code": facts.code,
    }})
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}
