//! Errors inside a stream have a shape of their own; outside one they are those of chat.
//! <https://platform.openai.com/docs/api-reference/responses-streaming/error>

use serde_json::{Value, json};

use crate::errors::ErrorFacts;

pub(crate) fn event(facts: &ErrorFacts<'_>) -> Value {
    json!({
        "type": "error",
        "code": facts.code,
        "message": facts.message,
        "param": facts.param,
    })
}
