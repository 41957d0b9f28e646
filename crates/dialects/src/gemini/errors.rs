//! `{"error":{code,message,status}}`, the status by Google's canonical codes.
//! <https://ai.google.dev/gemini-api/docs/troubleshooting>

use serde_json::{Value, json};

use crate::errors::ErrorFacts;

pub(crate) fn body(facts: &ErrorFacts<'_>) -> Value {
    json!({"error": {
        "code": facts.status,
        "message": facts.message,
        "status": status(facts.status),
    }})
}

fn status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        400..=499 => "INVALID_ARGUMENT",
        501 => "UNIMPLEMENTED",
        502 | 503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}
