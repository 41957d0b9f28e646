//! `{"type":"error","error":{type,message},"request_id"}`.
//! <https://docs.anthropic.com/en/api/errors>

use serde_json::{Value, json};

use crate::errors::ErrorFacts;

pub(crate) fn body(facts: &ErrorFacts<'_>) -> Value {
    json!({
        "type": "error",
        "error": {"type": kind(facts.status), "message": facts.message},
        "request_id": facts.request_id,
    })
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        408 | 504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}
