//! The few top-level fields of a request that the gateway itself has to know.

use std::ops::Range;

use penstock_core::Dialect;

use crate::scan::{Member, Root, Scan, ScanError, Scanner};

const WANTED: &[&str] = &["model", "stream", "stream_options", OUTPUT[0], OUTPUT[1], OUTPUT[2], "n"];
/// What dialects call the bound of an answer; where several are there, the narrowest holds.
const OUTPUT: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
/// A longer name is no model's; names end up in rows, logs and URLs.
pub const MODEL_LIMIT: usize = 1_024;

/// Bytes of text that make a token, on average and across languages; for estimates only.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that one image, document or sound is taken for; for estimates only.
const TOKENS_PER_MEDIA_PART: u64 = 1_000;

/// What was read from a request body without building a tree of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The requested model; `None` where the dialect names it in the path.
    pub model: Option<ModelField>,
    /// Whether a stream is asked for in the body.
    pub stream: bool,
    /// `stream_options`, if it is there exactly once.
    pub stream_options: Option<Member>,
    /// A rough count of the input tokens.
    pub estimated_input: u64,
    /// Tokens of one answer at the most, if it says so.
    pub max_output: Option<u64>,
    /// How many answers are asked for.
    pub choices: u64,
    /// Whether something in it may belong to another provider than the one that is asked.
    pub may_hold_carrier: bool,
}

/// The top-level `model` of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelField {
    /// The name, escapes resolved.
    pub name: String,
    /// Where the value stands, quotes included: what a patch replaces.
    pub value_span: Range<usize>,
}

/// Why a body cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// There is no body.
    #[error("the request has no body: expected a JSON object")]
    Empty,
    /// It is not JSON.
    #[error("the body is {0}")]
    NotJson(#[from] ScanError),
    /// It is JSON of another kind.
    #[error("the body is {0}: expected a JSON object")]
    NotAnObject(&'static str),
    /// `model` is not there.
    #[error("the body has no top-level \"model\": name one, such as \"openai/gpt-4o-mini\"")]
    ModelMissing,
    /// `model` is there more than once, so that two readers could see two models.
    #[error("the body has {0} top-level \"model\" keys: expected exactly one")]
    ModelRepeated(usize),
    /// `model` is not a text.
    #[error("\"model\" is {0}: expected a non-empty string")]
    ModelNotText(&'static str),
    /// `model` holds a control character.
    #[error("\"model\" holds the control character U+{:04X}: expected a name without one", u32::from(*.0))]
    ModelUnprintable(char),
}

impl EnvelopeError {
    /// The field to blame, for dialects whose errors name it.
    pub fn param(&self) -> Option<&'static str> {
        match self {
            Self::ModelMissing
            | Self::ModelRepeated(_)
            | Self::ModelNotText(_)
            | Self::ModelUnprintable(_) => Some("model"),
            Self::Empty | Self::NotJson(_) | Self::NotAnObject(_) => None,
        }
    }
}

impl Envelope {
    /// Reads the envelope of `body`.
    pub fn read(dialect: Dialect, body: &[u8]) -> Result<Self, EnvelopeError> {
        if body.is_empty() {
            return Err(EnvelopeError::Empty);
        }
        let scan = Scanner::scan(WANTED, body)?;
        match scan.root {
            Root::Object => {}
            Root::Array => return Err(EnvelopeError::NotAnObject("a JSON array")),
            Root::Scalar => return Err(EnvelopeError::NotAnObject("a single JSON value")),
        }
        let model = if dialect == Dialect::Gemini { None } else { Some(model(&scan)?) };
        let mut options = scan.all("stream_options");
        let stream_options = options.next().filter(|_| options.next().is_none()).cloned();
        let number = |name| whole(scan.last(name)?.value.as_deref()?);
        Ok(Self {
            max_output: OUTPUT.iter().filter_map(|name| number(name)).min(),
            choices: number("n").unwrap_or(1).max(1),
            model,
            stream: scan.last("stream").is_some_and(|stream| stream.value.as_deref() == Some(b"true")),
            stream_options,
            may_hold_carrier: scan.may_hold_carrier,
            estimated_input: estimated_tokens(scan.text_bytes) + scan.media_parts * TOKENS_PER_MEDIA_PART,
        })
    }
}

/// A whole number, also where it is spelt as `1e3`; anything else is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "out of range is the most there is"
)]
fn whole(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let rounded =
        || text.parse::<f64>().ok().filter(|number| *number >= 0.0).map(|number| number.ceil() as u64);
    text.parse().ok().or_else(rounded)
}

/// Tokens in `text_bytes` bytes of text, roughly and never zero for a text that is there.
pub fn estimated_tokens(text_bytes: u64) -> u64 {
    text_bytes.div_ceil(BYTES_PER_TOKEN)
}

fn model(scan: &Scan) -> Result<ModelField, EnvelopeError> {
    let mut found = scan.all("model");
    let member = found.next().ok_or(EnvelopeError::ModelMissing)?;
    match found.count() {
        0 => {}
        more => return Err(EnvelopeError::ModelRepeated(more + 1)),
    }
    let value = member.value.as_deref().ok_or(EnvelopeError::ModelNotText("longer than 64 KiB"))?;
    let name: String =
        serde_json::from_slice(value).map_err(|_| EnvelopeError::ModelNotText(kind_of(value)))?;
    if name.len() > MODEL_LIMIT {
        return Err(EnvelopeError::ModelNotText("longer than 1024 bytes"));
    }
    if name.trim().is_empty() {
        return Err(EnvelopeError::ModelNotText("an empty string"));
    }
    if let Some(found) = control_character(&name) {
        return Err(EnvelopeError::ModelUnprintable(found));
    }
    Ok(ModelField { name, value_span: member.value_span.clone() })
}

/// The first control character of a model's name, which is in no name and upsets who stores or shows it.
pub fn control_character(name: &str) -> Option<char> {
    name.chars().find(|character| character.is_control())
}

fn kind_of(value: &[u8]) -> &'static str {
    match value.first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'"') => "not valid UTF-8",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Envelope, EnvelopeError> {
        Envelope::read(Dialect::OpenaiChat, body.as_bytes())
    }

    #[test]
    fn reads_what_the_gateway_needs() {
        let envelope = read(r#"{"messages":[{"content":"eight by"}],"stream":true,"model":"a\/b"}"#);
        let envelope = envelope.unwrap();
        assert_eq!(envelope.model.unwrap().name, "a/b");
        assert!(envelope.stream);
        assert_eq!(envelope.estimated_input, 3);
    }

    #[test]
    fn the_bound_of_an_answer_is_read_in_every_spelling() {
        let bound = |fields: &str| {
            let envelope = read(&format!(r#"{{"model":"m",{fields}}}"#)).unwrap();
            (envelope.max_output, envelope.choices)
        };
        assert_eq!(bound(r#""max_tokens":64"#), (Some(64), 1));
        assert_eq!(bound(r#""max_completion_tokens":1e3,"n":3"#), (Some(1_000), 3));
        assert_eq!(bound(r#""max_tokens":10,"max_completion_tokens":9"#), (Some(9), 1));
        assert_eq!(bound(r#""max_tokens":"64","n":0"#), (None, 1));
        assert_eq!(bound(r#""messages":[{"max_tokens":1}]"#), (None, 1));
    }

    #[test]
    fn the_model_is_found_behind_300_kb_of_messages() {
        let text = "word ".repeat(60_000);
        let body =
            format!(r#"{{"messages":[{{"role":"user","content":"{text}","model":"no"}}],"model":"m"}}"#);
        let model = read(&body).unwrap().model.unwrap();
        assert_eq!((model.name.as_str(), &body[model.value_span]), ("m", "\"m\""));
    }

    #[test]
    fn what_cannot_be_taken_is_refused_in_words() {
        let cases = [
            ("", "the request has no body: expected a JSON object"),
            ("[1]", "the body is a JSON array: expected a JSON object"),
            ("1", "the body is a single JSON value: expected a JSON object"),
            ("{\"m\":}", "the body is not valid JSON at byte 5: expected a value, found '}'"),
            ("{}", "the body has no top-level \"model\": name one, such as \"openai/gpt-4o-mini\""),
            (
                r#"{"model":"a","mod\u0065l":"b"}"#,
                "the body has 2 top-level \"model\" keys: expected exactly one",
            ),
            (r#"{"model":7}"#, "\"model\" is a number: expected a non-empty string"),
            (r#"{"model":null}"#, "\"model\" is null: expected a non-empty string"),
            (r#"{"model":" "}"#, "\"model\" is an empty string: expected a non-empty string"),
            (
                r#"{"model":"openai/x\u0000"}"#,
                "\"model\" holds the control character U+0000: expected a name without one",
            ),
            (
                "{\"model\":\"x\u{85}\"}",
                "\"model\" holds the control character U+0085: expected a name without one",
            ),
        ];
        for (body, message) in cases {
            assert_eq!(read(body).unwrap_err().to_string(), message, "{body}");
        }
    }
}
