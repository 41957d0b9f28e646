//! A module's answer instead of a provider's, and the one that is an error.
//!
//! An answer whose stop reason is `error` and whose single text is `{"error":{type,message,status?,…}}` becomes an HTTP
//! error. The shape is that of module authors; see [`error_response`] for making one.

use penstock_core::canonical::{CanonicalResponse, CanonicalUsage, ContentBlock, StopReason};
use serde_json::{Map, Value};

/// What becomes of a request that a module has ended.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This answer, by that module.
    Response {
        /// The module.
        module: String,
        /// Its answer.
        response: Box<CanonicalResponse>,
    },
    /// This error, by that module.
    Refused(Refusal),
}

/// An error that a module wants its client to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The module.
    pub module: String,
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// The type, such as `cost_limit_per_day`.
    pub kind: String,
    /// Words for the client.
    pub message: String,
    /// Further fields, such as `resets_at`.
    pub more: Map<String, Value>,
    /// Whether the same request may succeed soon: a refusal with 429 says so by `retry_after`, in seconds.
    pub retryable: bool,
}

/// What a module that names no status means.
const STATUS: u16 = 400;

impl Answer {
    /// What `module` answered with `response`.
    pub(crate) fn of(module: &str, response: Box<CanonicalResponse>) -> Self {
        if response.stop_reason != Some(StopReason::Error) {
            return Self::Response { module: module.to_owned(), response };
        }
        Self::Refused(Refusal::read(module, &response))
    }
}

impl Refusal {
    /// `module` could not do its work, and without it no request is to pass.
    pub(crate) fn unavailable(module: &str, message: impl Into<String>) -> Self {
        Self {
            module: module.to_owned(),
            status: 503,
            kind: "module_unavailable".to_owned(),
            message: message.into(),
            more: Map::new(),
            retryable: true,
        }
    }

    /// Reads the error in `response`. A text that is none is the message itself.
    fn read(module: &str, response: &CanonicalResponse) -> Self {
        let text = match response.content.as_slice() {
            [ContentBlock::Text(block)] => block.text.to_str().into_owned(),
            _ => "the module refused the request".to_owned(),
        };
        let parsed = serde_json::from_str::<Value>(&text).ok();
        let mut fields = match parsed.and_then(|mut value| value.get_mut("error").map(Value::take)) {
            Some(Value::Object(fields)) => fields,
            Some(Value::String(message)) => Map::from_iter([("message".to_owned(), Value::from(message))]),
            _ => Map::from_iter([("message".to_owned(), Value::from(text))]),
        };
        let mut text = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let kind = text("type").unwrap_or_else(|| "module_error".to_owned());
        let message = text("message").unwrap_or_else(|| format!("module {module:?} refused the request"));
        let status = fields.remove("status").and_then(|status| status.as_u64());
        let status =
            status.and_then(|status| u16::try_from(status).ok()).filter(|code| (400..600).contains(code));
        let status = status.unwrap_or(STATUS);
        let retryable =
            matches!(status, 408 | 500..) || (status == 429 && fields.contains_key("retry_after"));
        Self { module: module.to_owned(), status, kind, message, more: fields, retryable }
    }
}

/// An answer that becomes an HTTP error of `status`. What `more` has, such as `resets_at`, goes along.
pub fn error_response(kind: &str, message: &str, status: u16, more: Map<String, Value>) -> CanonicalResponse {
    let mut fields = more;
    fields.insert("type".to_owned(), kind.into());
    fields.insert("message".to_owned(), message.into());
    fields.insert("status".to_owned(), status.into());
    response_of(&Value::from(Map::from_iter([("error".to_owned(), Value::from(fields))])))
}

/// The block that says what went wrong.
pub(crate) fn error_block(status: u16, message: &str) -> ContentBlock {
    let error = serde_json::json!({ "error": { "type": "error", "message": message, "status": status } });
    ContentBlock::text(error.to_string().as_str())
}

fn response_of(error: &Value) -> CanonicalResponse {
    CanonicalResponse {
        content: vec![ContentBlock::text(error.to_string().as_str())],
        stop_reason: Some(StopReason::Error),
        usage: Some(CanonicalUsage::default()),
        ..CanonicalResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Refusal {
        let response = CanonicalResponse {
            content: vec![ContentBlock::text(text)],
            stop_reason: Some(StopReason::Error),
            ..CanonicalResponse::default()
        };
        match Answer::of("guard", Box::new(response)) {
            Answer::Refused(refusal) => refusal,
            Answer::Response { .. } => panic!("it is an error"),
        }
    }

    #[test]
    fn what_was_made_is_read_again() {
        let more = Map::from_iter([("resets_at".to_owned(), Value::from("2026-01-02T00:00:00Z"))]);
        let made = error_response("cost_limit_per_day", "the day's budget is spent", 429, more.clone());
        let Answer::Refused(refusal) = Answer::of("cost-guard", Box::new(made)) else { panic!() };
        assert_eq!((refusal.status, &*refusal.kind), (429, "cost_limit_per_day"));
        assert_eq!((&*refusal.message, refusal.more), ("the day's budget is spent", more));
        assert!(!refusal.retryable, "it would be refused again until then");
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_made_good() {
        assert_eq!(refused(r#"{"error":{"message":"no"}}"#).status, 400);
        assert_eq!(refused(r#"{"error":{"message":"no","status":200}}"#).status, 400);
        assert_eq!(refused(r#"{"error":{"message":"no","status":"429"}}"#).status, 400);
        assert_eq!(refused(r#"{"error":"no"}"#).message, "no");
        assert_eq!(refused("no at all").message, "no at all");
        assert_eq!(refused(r#"{"error":{}}"#).message, r#"module "guard" refused the request"#);
    }

    #[test]
    fn any_other_answer_is_one() {
        let response =
            CanonicalResponse { stop_reason: Some(StopReason::EndTurn), ..CanonicalResponse::default() };
        assert!(matches!(Answer::of("cache", Box::new(response)), Answer::Response { .. }));
    }
}
