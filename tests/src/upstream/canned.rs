//! Answers a test writes out itself, for what no directive says.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::render::{Answer, Part};
use super::script::Fault;

/// One answer, sent as written to the next request, whatever that asks for.
///
/// Without [`ScriptedAnswer::sized`] the body goes in HTTP chunks, one per part.
#[derive(Clone, Debug)]
pub struct ScriptedAnswer {
    pub(super) head_delay: Duration,
    answer: Answer,
}

impl ScriptedAnswer {
    /// An answer without body and headers; an error for a status outside 100..=999.
    pub fn status(status: u16) -> Result<Self> {
        let answer = Answer {
            status: StatusCode::from_u16(status)?,
            headers: HeaderMap::new(),
            parts: Vec::new(),
            sized: false,
            flush_each: true,
            fault: None,
            unfinished: false,
        };
        Ok(Self { head_delay: Duration::ZERO, answer })
    }

    /// A JSON answer with `content-length`, its body sent byte for byte.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Result<Self> {
        Ok(Self::status(status)?.header("content-type", "application/json")?.chunk(body).sized())
    }

    /// A 200 event stream; each item is written as given, so it must end in an empty line.
    pub fn sse<I>(events: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: Into<Bytes>,
    {
        let mut answer = Self::status(200)?;
        answer.answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        for event in events {
            answer = answer.chunk(event);
        }
        Ok(answer)
    }

    /// Adds a header; one given twice is sent twice.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        self.answer.headers.append(name.parse::<HeaderName>()?, value.parse()?);
        Ok(self)
    }

    /// Adds a part of the body, flushed by itself.
    #[must_use]
    pub fn chunk(self, bytes: impl Into<Bytes>) -> Self {
        self.chunk_after(Duration::ZERO, bytes)
    }

    /// Adds a part of the body, sent after a pause.
    #[must_use]
    pub fn chunk_after(mut self, delay: Duration, bytes: impl Into<Bytes>) -> Self {
        self.answer.parts.push(Part { delay, ..Part::new(bytes) });
        self
    }

    /// Waits before the status line.
    #[must_use]
    pub fn head_after(mut self, delay: Duration) -> Self {
        self.head_delay = delay;
        self
    }

    /// Sends `content-length`.
    #[must_use]
    pub fn sized(mut self) -> Self {
        self.answer.sized = true;
        self
    }

    /// After the last part: silence, until the peer gives up. For bodies without a length.
    #[must_use]
    pub fn then_stall(self) -> Self {
        self.then(Fault::Stall)
    }

    /// After the last part: the connection closes without the body's terminator.
    #[must_use]
    pub fn then_cut(self) -> Self {
        self.then(Fault::Cut)
    }

    /// After the last part: the connection is reset.
    #[must_use]
    pub fn then_reset(self) -> Self {
        self.then(Fault::Reset)
    }

    fn then(mut self, fault: Fault) -> Self {
        self.answer.fault = Some((self.answer.parts.len(), fault));
        self.answer.sized = false;
        self
    }

    pub(super) fn into_answer(self) -> Answer {
        self.answer
    }
}
