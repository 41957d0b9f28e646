//! An error of the gateway in the shape that a dialect's clients understand.

use bytes::Bytes;
use penstock_core::Dialect;
use serde_json::{Map, Value};

use crate::{anthropic_messages, gemini, openai_chat, openai_responses};

/// The facts of an error, from which each dialect makes its own shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorFacts<'a> {
    /// HTTP status; also decides the dialect's error type.
    pub status: u16,
    /// Stable machine-readable code of the gateway, such as `model_not_found`.
    pub code: &'a str,
    /// A sentence for people.
    pub message: &'a str,
    /// The request field to blame, if there is one.
    pub param: Option<&'a str>,
    /// The gateway's id of the request.
    pub request_id: &'a str,
    /// What a module has to say, where it is one that refuses.
    pub module: Option<ModuleFacts<'a>>,
}

/// What a module says of a request that it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleFacts<'a> {
    /// The error's type, in place of the dialect's own: `cost_limit_per_day`.
    pub kind: &'a str,
    /// Further fields of the error, such as `resets_at`.
    pub more: &'a Map<String, Value>,
}

impl ErrorFacts<'_> {
    /// The error's type: the module's, else the dialect's.
    pub(crate) fn kind_or(&self, own: &'static str) -> &str {
        self.module.map_or(own, |module| module.kind)
    }

    /// Adds what the module says further; what the dialect says stays.
    fn extend(&self, mut body: Value) -> Value {
        let error = body.get_mut("error").and_then(Value::as_object_mut);
        if let (Some(error), Some(module)) = (error, self.module) {
            for (name, value) in module.more {
                error.entry(name.as_str()).or_insert_with(|| value.clone());
            }
        }
        body
    }
}

/// The body of an error response.
pub fn encode(dialect: Dialect, facts: &ErrorFacts<'_>) -> Bytes {
    let body = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai_chat::errors::body(facts),
        Dialect::AnthropicMessages => anthropic_messages::errors::body(facts),
        Dialect::Gemini => gemini::errors::body(facts),
    };
    Bytes::from(facts.extend(body).to_string())
}

/// An error as the last event of a stream that has already begun.
pub fn encode_event(dialect: Dialect, facts: &ErrorFacts<'_>) -> Bytes {
    let event = match dialect {
        Dialect::OpenaiChat => format!("data: {}\n\n", openai_chat::errors::body(facts)),
        Dialect::OpenaiResponses => {
            format!("event: error\ndata: {}\n\n", openai_responses::errors::event(facts))
        }
        Dialect::AnthropicMessages => {
            format!("event: error\ndata: {}\n\n", anthropic_messages::errors::body(facts))
        }
        Dialect::Gemini => format!("data: {}\r\n\r\n", gemini::errors::body(facts)),
    };
    Bytes::from(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: ErrorFacts<'static> = ErrorFacts {
        status: 404,
        code: "model_not_found",
        message: "no model \"gpt-4p\"",
        param: Some("model"),
        request_id: "req_1",
        module: None,
    };

    #[test]
    fn each_dialect_has_its_own_shape() {
        let body = |dialect| String::from_utf8(encode(dialect, &FACTS).to_vec()).unwrap();
        assert_eq!(
            body(Dialect::OpenaiChat),
            r#"{"error":{"code":"model_not_found","message":"no model \"gpt-4p\"","param":"model","type":"invalid_request_error"}}"#
        );
        assert_eq!(body(Dialect::OpenaiResponses), body(Dialect::OpenaiChat));
        assert_eq!(
            body(Dialect::AnthropicMessages),
            r#"{"error":{"message":"no model \"gpt-4p\"","type":"not_found_error"},"request_id":"req_1","type":"error"}"#
        );
        assert_eq!(
            body(Dialect::Gemini),
            r#"{"error":{"code":404,"message":"no model \"gpt-4p\"","status":"NOT_FOUND"}}"#
        );
    }

    #[test]
    fn a_module_says_its_own_type_and_more() {
        let more =
            Map::from_iter([("resets_at".to_owned(), "soon".into()), ("message".to_owned(), 1.into())]);
        let module = Some(ModuleFacts { kind: "cost_limit_per_day", more: &more });
        for dialect in Dialect::ALL {
            let body =
                encode(*dialect, &ErrorFacts { status: 429, code: "cost_limit_per_day", module, ..FACTS });
            let error = serde_json::from_slice::<Value>(&body).unwrap()["error"].take();
            assert_eq!(
                (&error["resets_at"], &error["message"]),
                (&"soon".into(), &FACTS.message.into()),
                "{dialect}"
            );
            let kind = if *dialect == Dialect::Gemini { &error["status"] } else { &error["type"] };
            let expected =
                if *dialect == Dialect::Gemini { "RESOURCE_EXHAUSTED" } else { "cost_limit_per_day" };
            assert_eq!(kind, expected, "{dialect}");
        }
    }

    #[test]
    fn mid_stream_errors_are_events() {
        for dialect in Dialect::ALL {
            let event = encode_event(*dialect, &FACTS);
            let read: Vec<_> = crate::sse::events(&event).collect();
            assert_eq!(read.len(), 1, "{dialect}");
            assert!(serde_json::from_slice::<Value>(&read[0].data).is_ok(), "{dialect}");
        }
    }
}
