//! `{"type":"error","error":{type,message},"request_id"}`.
//! <https://docs.anthropic.com/en/api/errors>

use serde::Deserialize;
use serde_json::{Value, json};

use crate::codec::ErrorReport;
use crate::errors::ErrorFacts;

/// What an error says.
pub(crate) fn read(body: &[u8]) -> Option<ErrorReport> {
    #[derive(Deserialize)]
    struct Shape {
        error: Inside,
    }
    #[derive(Deserialize)]
    struct Inside {
        message: String,
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let Shape { error } = serde_json::from_slice(body).ok()?;
    Some(ErrorReport { message: error.message, code: error.kind, param: None })
}

pub(crate) fn body(facts: &ErrorFacts<'_>) -> Value {
    json!({
        "type": "error",
        "error": {"type": facts.kind_or(kind(facts.status)), "message": facts.message},
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
