//! Errors and nonsense: each provider's error bodies, its in-band stream error, and what is none of it.

use http::StatusCode;

use super::render::{Part, Sse, fill, quote};
use super::request::Dialect;
use super::script::Script;

/// What an upstream that lost its mind says with a 200.
pub(super) const GARBAGE: &str = "<<< this is neither JSON nor an event stream >>>\u{0}\n{\"unclosed\": [";

/// What a proxy in front of a provider says when the provider is down.
pub(super) const HTML: &str = "<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body>\r\n<center><h1>Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

/// The provider's error body for a status.
pub(super) fn error(dialect: Dialect, status: StatusCode, message: &str, sequence: u64) -> Part {
    let message = quote(message);
    Part::new(match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            let (kind, code) = openai_kind(status);
            fill(
                "{\n  \"error\": {\n    \"message\": $message,\n    \"type\": $kind,\n    \"param\": null,\n    \"code\": $code\n  }\n}\n",
                &[("message", &message), ("kind", &quote(kind)), ("code", code)],
            )
        }
        Dialect::Anthropic => fill(
            r#"{"type":"error","error":{"type":$kind,"message":$message},"request_id":"req_$sequence"}"#,
            &[
                ("kind", &quote(anthropic_kind(status))),
                ("message", &message),
                ("sequence", &sequence.to_string()),
            ],
        ),
        Dialect::Gemini => gemini_error(status, &message),
    })
}

/// The provider's error event in the middle of a stream; `sequence` is the number of events before it.
pub(super) fn stream_error(dialect: Dialect, script: &Script, sequence: usize) -> Part {
    let (event, data) = match dialect {
        Dialect::OpenAiChat => (
            None,
            r#"{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}"#.to_owned(),
        ),
        Dialect::OpenAiResponses => (
            Some("error"),
            format!(
                r#"{{"type":"error","sequence_number":{sequence},"code":"server_error","message":"The server had an error while processing your request.","param":null}}"#
            ),
        ),
        Dialect::Anthropic => (
            Some("error"),
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#.to_owned(),
        ),
        Dialect::Gemini => (None, overloaded()),
    };
    let mut sse = Sse::new(script);
    sse.push(event, &data);
    sse.parts.swap_remove(0)
}

/// The same in the JSON-array form of a Gemini stream, which it closes.
pub(super) fn array_error() -> Part {
    Part::new(format!(",\r\n{}]", overloaded()))
}

fn overloaded() -> String {
    let message = quote("The model is overloaded. Please try again later.");
    gemini_error(StatusCode::SERVICE_UNAVAILABLE, &message)
}

fn gemini_error(status: StatusCode, quoted_message: &str) -> String {
    fill(
        r#"{"error": {"code": $code,"message": $message,"status": $status}}"#,
        &[("code", status.as_str()), ("message", quoted_message), ("status", &quote(gemini_status(status)))],
    )
}

/// The error's type, and its code as JSON.
fn openai_kind(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        401 => ("invalid_request_error", r#""invalid_api_key""#),
        404 => ("invalid_request_error", r#""model_not_found""#),
        429 => ("requests", r#""rate_limit_exceeded""#),
        400..=499 => ("invalid_request_error", "null"),
        _ => ("server_error", "null"),
    }
}

fn anthropic_kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn gemini_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}
