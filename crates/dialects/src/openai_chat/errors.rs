//! `{"error":{message,type,param,code}}`.
//! <https://platform.openai.com/docs/guides/error-codes/api-errors>

use serde_json::{Value, json};

use crate::errors::ErrorFacts;

pub(crate) fn body(facts: &ErrorFacts<'_>) -> Value {
    json!({"error": {
        "message": facts.message,
        "type": kind(facts.status),
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
