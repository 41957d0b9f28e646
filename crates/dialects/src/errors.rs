//! An error of the gateway in the shape that a dialect's clients understand.

use bytes::Bytes;
use penstock_core::Dialect;

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
}

/// The body of an error response.
pub fn encode(dialect: Dialect, facts: &ErrorFacts<'_>) -> Bytes {
    let body = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai_chat::errors::body(facts),
        Dialect::AnthropicMessages => anthropic_messages::errors::body(facts),
        Dialect::Gemini => gemini::errors::body(facts),
    };
    Bytes::from(body.to_string())
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
    fn mid_stream_errors_are_events() {
        for dialect in Dialect::ALL {
            let event = encode_event(*dialect, &FACTS);
            let read: Vec<_> = crate::sse::events(&event).collect();
            assert_eq!(read.len(), 1, "{dialect}");
            assert!(serde_json::from_slice::<serde_json::Value>(&read[0].data).is_ok(), "{dialect}");
        }
    }
}
