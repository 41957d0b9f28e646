//! What the logs are told of an attempt at a provider, if they want to know.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, StatusCode};
use penstock_core::{RequestId, Timestamp};

use super::{Capture, Captured, Logs, Upstream};
use crate::choose::Candidate;
use crate::client::Pieces;

/// A row in the making; handed in when this is dropped, however the attempt, or the answer that it began, ends.
#[derive(Debug)]
pub struct Attempted {
    logs: Logs,
    /// Taken when it is handed in.
    row: Option<Upstream>,
    most: Option<usize>,
    /// The answer's body as it passes, of an attempt that succeeded.
    answer: Option<Capture>,
    began: Instant,
}

impl Attempted {
    /// The row of an attempt, if it is to be logged.
    pub(crate) fn begin(
        logs: &Logs,
        (request_id, attempt): (RequestId, u32),
        candidate: &Candidate,
        request: &Request<Pieces>,
        at: Timestamp,
    ) -> Option<Box<Self>> {
        let wanted = logs.wanted();
        if !wanted.upstream {
            return None;
        }
        let uri = request.uri();
        let body = wanted.bodies.map(|most| {
            let mut capture = Capture::new(most);
            request.body().slices().for_each(|slice| capture.push(slice));
            capture.take()
        });
        let row = Upstream {
            request_id,
            attempt,
            at,
            provider: Arc::clone(&candidate.provider.name),
            credential: candidate.credential.as_ref().map(|credential| Arc::clone(&credential.name)),
            // a key may stand in the query
            url: format!(
                "{}://{}{}",
                uri.scheme_str().unwrap_or_default(),
                uri.authority().map_or("", |authority| authority.as_str()),
                uri.path()
            ),
            status: 0,
            latency_ms: 0,
            headers: request.headers().clone(),
            body,
            response_body: None,
        };
        let (most, began) = (wanted.bodies, Instant::now());
        Some(Box::new(Self { logs: logs.clone(), row: Some(row), most, answer: None, began }))
    }

    /// The head of the answer is there.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        if let Some(row) = &mut self.row {
            row.status = status.as_u16();
            row.latency_ms = millis(self.began);
        }
    }

    /// It succeeded: its row waits for the end of the body, if bodies are wanted.
    pub(crate) fn succeeded(mut self: Box<Self>) -> Option<Box<Self>> {
        self.answer = self.most.map(Capture::new);
        self.answer.is_some().then_some(self)
    }

    /// A piece of the body has arrived.
    pub(crate) fn answers(&mut self, piece: &[u8]) {
        if let Some(answer) = &mut self.answer {
            answer.push(piece);
        }
    }

    /// It was refused with that body.
    pub(crate) fn refused(&mut self, body: &Bytes) {
        if let Some(row) = &mut self.row {
            row.response_body = self.most.map(|most| Captured::of(body, most));
        }
    }
}

impl Drop for Attempted {
    fn drop(&mut self) {
        if let Some(mut row) = self.row.take() {
            if row.status == 0 {
                row.latency_ms = millis(self.began);
            }
            if let Some(answer) = &mut self.answer {
                row.response_body = Some(answer.take());
            }
            self.logs.upstream(row);
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
