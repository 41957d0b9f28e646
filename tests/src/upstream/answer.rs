//! Puts a whole answer together: dialect body, headers, and what the script bends about them.

use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::render::{Answer, Part};
use super::request::{Ask, Dialect, Endpoint};
use super::script::{Flag, Script};
use super::{anthropic_messages, encoding, faults, gemini, openai_chat, openai_responses, plain};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream; charset=utf-8";

/// The answer `ask` gets when nothing refuses it.
pub(super) fn write(ask: &Ask) -> Answer {
    let script = &ask.script;
    if script.has(Flag::Garbage) {
        let kind = if ask.stream { SSE } else { JSON };
        return bend(plain_answer(StatusCode::OK, kind, Part::new(faults::GARBAGE)), script);
    }
    if let Some(status) = script.html {
        return bend(plain_answer(status, "text/html", Part::new(faults::HTML)), script);
    }
    let array = ask.endpoint == Endpoint::GeminiStream { sse: false };
    let kind = if ask.stream && !array { SSE } else { JSON };
    let mut parts = match ask.endpoint {
        Endpoint::Generate(dialect) => generate(dialect, ask),
        Endpoint::GeminiStream { sse } => gemini::stream(ask, sse),
        Endpoint::CountTokens(Dialect::Gemini) => vec![gemini::count_tokens(ask)],
        Endpoint::CountTokens(_) => vec![anthropic_messages::count_tokens(ask)],
        Endpoint::Embed(Dialect::Gemini) => vec![plain::gemini_embedding(ask)],
        Endpoint::Embed(_) => vec![plain::embeddings(ask)],
        Endpoint::EmbedBatch => vec![plain::gemini_embeddings(ask)],
        Endpoint::Images => vec![plain::images(ask)],
        Endpoint::Models(dialect) => vec![plain::models(dialect)],
    };
    let mut unfinished = ask.stream && script.has(Flag::NoDone);
    if let Some(events) = script.mid_error.filter(|_| ask.stream) {
        parts.truncate(events);
        parts.push(if array {
            faults::array_error()
        } else {
            faults::stream_error(ask.endpoint.dialect(), script, events)
        });
        unfinished = true;
    }
    let mut headers = provider_headers(ask.endpoint.dialect());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let mut answer = Answer {
        status: StatusCode::OK,
        headers,
        parts,
        sized: !ask.stream,
        flush_each: false,
        fault: None,
        unfinished,
    };
    if script.has(Flag::Empty) {
        answer.parts.clear();
    }
    bend(answer, script)
}

/// The provider's error for `status`, with whatever else the script says of headers and pace.
pub(super) fn refuse(
    dialect: Dialect,
    script: &Script,
    status: StatusCode,
    message: &str,
    sequence: u64,
) -> Answer {
    let mut answer = plain_answer(status, JSON, faults::error(dialect, status, message, sequence));
    answer.headers.extend(provider_headers(dialect));
    bend(answer, script)
}

/// A body of one part, not yet bent.
pub(super) fn plain_answer(status: StatusCode, kind: &'static str, part: Part) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Answer {
        status,
        headers,
        parts: vec![part],
        sized: true,
        flush_each: false,
        fault: None,
        unfinished: false,
    }
}

fn generate(dialect: Dialect, ask: &Ask) -> Vec<Part> {
    match (dialect, ask.stream) {
        (Dialect::OpenAiChat, false) => vec![openai_chat::json(ask)],
        (Dialect::OpenAiChat, true) => openai_chat::stream(ask),
        (Dialect::OpenAiResponses, false) => vec![openai_responses::json(ask)],
        (Dialect::OpenAiResponses, true) => openai_responses::stream(ask),
        (Dialect::Anthropic, false) => vec![anthropic_messages::json(ask)],
        (Dialect::Anthropic, true) => anthropic_messages::stream(ask),
        (Dialect::Gemini, _) => vec![gemini::json(ask)],
    }
}

/// Applies the directives that hold for every kind of answer.
fn bend(mut answer: Answer, script: &Script) -> Answer {
    if script.piece.is_none() && script.fault.is_some() && answer.parts.len() == 1 {
        // A fault "after n parts" needs parts: one body goes in eight
        let length = answer.parts.first().map_or(0, |part| part.bytes.len());
        split(&mut answer.parts, length.div_ceil(8).max(1));
        answer.flush_each = true;
    }
    if let Some(encoding) = &script.content_encoding {
        if encoding == "gzip" {
            encoding::gzip(&mut answer.parts);
        }
        if let Ok(value) = HeaderValue::from_str(encoding) {
            answer.headers.insert(CONTENT_ENCODING, value);
        }
    }
    if let Some(piece) = script.piece {
        split(&mut answer.parts, piece);
        answer.flush_each = true;
    }
    for (index, part) in answer.parts.iter_mut().enumerate() {
        part.delay = if index == 0 { script.slow_body } else { script.delay };
    }
    if let Some(value) = script.retry_after.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
        answer.headers.insert(RETRY_AFTER, value);
    }
    if script.has(Flag::Close) {
        answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in &script.headers {
        answer.headers.insert(name.clone(), value.clone());
    }
    answer.sized &= !script.has(Flag::Chunked);
    // hyper is done with a sized body at its last byte: a fault at the end would not be seen
    answer.fault = script.fault.filter(|(after, _)| !answer.sized || *after < answer.parts.len());
    answer
}

/// Cuts every part into pieces of `size` bytes; what a part reports goes with its last piece.
fn split(parts: &mut Vec<Part>, size: usize) {
    let whole = std::mem::take(parts);
    for mut part in whole {
        while part.bytes.len() > size {
            parts.push(Part::new(part.bytes.split_to(size)));
        }
        parts.push(part);
    }
}

/// Headers the real providers send along, which a gateway may have to pass on.
fn provider_headers(dialect: Dialect) -> HeaderMap {
    let headers: &[(&str, &str)] = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => &[
            ("openai-organization", "scripted"),
            ("openai-processing-ms", "7"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
        ],
        Dialect::Anthropic => &[
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
            ("anthropic-ratelimit-requests-limit", "1000"),
            ("anthropic-ratelimit-requests-remaining", "999"),
            ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z"),
        ],
        Dialect::Gemini => &[("server-timing", "gfet4t7; dur=7"), ("vary", "Origin")],
    };
    let pairs = headers.iter();
    pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}
