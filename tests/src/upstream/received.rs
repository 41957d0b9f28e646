//! One request as the ledger keeps it, and as it shows it.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;

/// How a request ended, seen from the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Not over yet.
    Open,
    /// The whole answer was handed to the connection.
    Answered {
        /// The HTTP status sent.
        status: u16,
    },
    /// The script ended it early: cut, reset, in-band error, missing terminal event.
    Interrupted,
    /// The peer closed the connection before the answer was complete.
    ClientGone,
}

/// The token counts an answer reported, each as the dialect's own field spells it.
///
/// So `input` includes `cached` for OpenAI and Gemini and excludes it for Anthropic, and `output`
/// includes `reasoning` for OpenAI but not for Gemini.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReportedUsage {
    /// Prompt or input tokens.
    pub input: u64,
    /// Completion, candidate or output tokens.
    pub output: u64,
    /// Tokens read from a prompt cache.
    pub cached: u64,
    /// Reasoning or thought tokens; zero for Anthropic, which does not tell them apart.
    pub reasoning: u64,
    /// Tokens written to the five-minute cache; Anthropic only.
    pub cache_write_5m: u64,
    /// Tokens written to the one-hour cache; Anthropic only.
    pub cache_write_1h: u64,
}

/// One request as it arrived, and what became of it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Counts from 1, in order of complete arrival, never reused.
    pub sequence: u64,
    /// When the request was complete, in milliseconds since the epoch.
    pub received_ms: u64,
    /// When it ended, unless it is open.
    pub ended_ms: Option<u64>,
    /// The other end of the connection; tells reused connections from new ones.
    pub peer: SocketAddr,
    /// The HTTP method.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// The request's headers; names are lower case.
    pub headers: HeaderMap,
    /// The body, where the upstream keeps bodies and has not let go of this one for younger ones.
    pub body: Option<Bytes>,
    /// The body's length in bytes.
    pub body_bytes: usize,
    /// The whole model string, directives included; empty where the request names none.
    pub model: String,
    /// The value of the `tag` directive.
    pub tag: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The last usage report that was sent, if any was.
    pub usage: Option<ReportedUsage>,
    /// Body parts handed to the connection: a JSON body, an SSE event, or a piece of one.
    pub parts: u64,
    /// SSE events completed.
    pub events: u64,
}

impl Received {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        let Some(body) = &self.body else { bail!("the upstream has not kept this body") };
        Ok(serde_json::from_slice(body)?)
    }

    /// One line of `GET /_ledger`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut headers = serde_json::Map::new();
        for name in self.headers.keys() {
            let values: Vec<_> = self
                .headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            headers.insert(name.to_string(), values.join(", ").into());
        }
        serde_json::json!({
            "sequence": self.sequence, "received_ms": self.received_ms, "ended_ms": self.ended_ms,
            "peer": self.peer.to_string(), "method": self.method, "path": self.path, "headers": headers,
            "body": self.body.as_deref().map(String::from_utf8_lossy), "body_bytes": self.body_bytes,
            "model": self.model, "tag": self.tag, "outcome": self.outcome, "usage": self.usage,
            "parts": self.parts, "events": self.events,
        })
    }
}

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
