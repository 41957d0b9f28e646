//! Turns templates into answer bytes: placeholders, SSE framing, the text an answer says.
//!
//! Templates are written out by hand, not serialised, so that key order, spacing and number spelling
//! are those of the real providers, oddities included.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::received::ReportedUsage;
use super::request::Ask;
use super::script::{Fault, Flag, Script};

/// What a plain answer says; odd on purpose in its characters.
const DEFAULT_TEXT: &str =
    "The scripted upstream says: naïve café, \"quoted\", back\\slash, 日本語 and 🎉 — done.";

/// Arguments of the two calls an answer makes when it is offered tools.
pub const TOOL_ARGUMENTS: [&str; 2] =
    [r#"{"city":"Zürich","unit":"celsius"}"#, r#"{"city": "São Paulo", "days": 3.0, "tags": ["a", "b"]}"#];

/// What a reasoning answer thinks before it speaks.
pub const THOUGHTS: &str = "First weigh the question, then answer it — step by step.";

/// A signature as the upstream would sign its thoughts with.
pub const SIGNATURE: &str = "EqQBCkYIBxgCKkBzY3JpcHRlZC11cHN0cmVhbS1zaWduYXR1cmU+/w==";

/// Extra fields no documentation knows, spelled in ways a re-serialisation would change.
pub(super) const ODDITIES: &str = concat!(
    r#""penstock_test": 1.0, "penstock_numbers":[1.0,2e3 , -0.0,18446744073709551616],"#,
    r#""penstock_text" :"caf\u00e9 \/ \ud83c\udf89""#
);

/// One write of an answer's body.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) bytes: Bytes,
    /// How long to wait before it.
    pub(super) delay: Duration,
    /// Whether an SSE event is complete with it.
    pub(super) ends_event: bool,
    /// The usage it reports, if it does.
    pub(super) usage: Option<ReportedUsage>,
}

impl Part {
    pub(super) fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), delay: Duration::ZERO, ends_event: false, usage: None }
    }
}

/// A whole answer, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) parts: Vec<Part>,
    /// Send `content-length`, not chunks.
    pub(super) sized: bool,
    /// Let each part reach the socket by itself.
    pub(super) flush_each: bool,
    pub(super) fault: Option<(usize, Fault)>,
    /// The body ends cleanly, but not as the dialect says it must.
    pub(super) unfinished: bool,
}

pub(super) type SharedAnswer = Arc<Answer>;

/// Replaces each `$name` by its value, in one pass, so that values may hold `$`.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 64);
    let mut pieces = template.split('$');
    filled.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        match values.iter().find(|(key, _)| *key == name) {
            Some((_, value)) => filled.push_str(value),
            None => filled.extend(["$", name]),
        }
        filled.push_str(rest);
    }
    filled
}

/// A JSON string literal.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The text the answer to `ask` says.
pub(super) fn text_of(ask: &Ask) -> String {
    ask.echo.clone().unwrap_or_else(|| text_for(&ask.script))
}

/// The text an answer under `script` says: the default sentence with the tag, exactly `size` bytes of
/// ASCII, or enough words for `chunks` pieces.
pub(super) fn text_for(script: &Script) -> String {
    if let Some(size) = script.size {
        return "scripted text ".chars().cycle().take(size).collect();
    }
    let mut text = DEFAULT_TEXT.to_owned();
    if let Some(tag) = &script.tag {
        text.extend([" [", tag, "]"]);
    }
    let wanted = script.chunks.unwrap_or_default();
    if wanted > text.chars().count() {
        text.extend((1..=wanted).map(|word| format!(" w{word}")));
    }
    text
}

/// Cuts a text into `count` pieces of about equal length, none empty unless the text is too short.
pub(super) fn pieces(text: &str, count: usize) -> Vec<&str> {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let length = starts.len() - 1;
    let count = count.clamp(1, length.max(1));
    (0..count).map(|n| &text[starts[n * length / count]..starts[(n + 1) * length / count]]).collect()
}

/// The text deltas of a streamed answer.
pub(super) fn text_pieces<'a>(ask: &Ask, text: &'a str) -> Vec<&'a str> {
    pieces(text, ask.script.chunks.unwrap_or(8))
}

/// The two tool calls of an answer: name and arguments.
pub(super) fn tool_calls(ask: &Ask) -> Vec<(&str, &'static str)> {
    let first = ask.tools.first().map(String::as_str);
    let second = ask.tools.get(1).map(String::as_str).or(first);
    [first, second].into_iter().flatten().zip(TOOL_ARGUMENTS).collect()
}

/// The numbers an answer reports, before the dialect drops those it cannot express.
pub(super) fn usage_of(script: &Script) -> ReportedUsage {
    let [input, output, cached, reasoning] = script.tokens.unwrap_or([42, 17, 8, 5]);
    let [short, long] = script.cache_write;
    ReportedUsage { input, output, cached, reasoning, cache_write_5m: short, cache_write_1h: long }
}

/// Collects the events of an SSE stream in the framing the script asks for.
pub(super) struct Sse {
    newline: &'static str,
    comments: bool,
    pub(super) parts: Vec<Part>,
}

impl Sse {
    pub(super) fn new(script: &Script) -> Self {
        let newline = if script.has(Flag::Crlf) { "\r\n" } else { "\n" };
        Self { newline, comments: script.has(Flag::Comments), parts: Vec::new() }
    }

    pub(super) fn push(&mut self, event: Option<&str>, data: &str) {
        let end = self.newline;
        let comment = if self.comments { format!(": keep-alive{end}{end}") } else { String::new() };
        let name = event.map(|event| format!("event: {event}{end}")).unwrap_or_default();
        let mut part = Part::new(format!("{comment}{name}data: {data}{end}{end}"));
        part.ends_event = true;
        self.parts.push(part);
    }

    /// Notes that the event pushed last reports `usage`.
    pub(super) fn reports(&mut self, usage: ReportedUsage) {
        if let Some(part) = self.parts.last_mut() {
            part.usage = Some(usage);
        }
    }
}
