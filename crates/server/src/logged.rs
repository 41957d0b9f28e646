//! What the logs are told of a request of a client, if they want to know.

use http::request::Parts;
use penstock_core::{RequestId, Timestamp};
use penstock_gateway::logs::{Capture, Captured, Downstream, Logs};

use crate::inference::query_without_key;

/// A row in the making; handed in when the request is over.
#[derive(Debug)]
pub(crate) struct Logged {
    logs: Logs,
    row: Downstream,
    most: Option<usize>,
    answer: Option<Capture>,
}

impl Logged {
    /// The row of a request, if it is to be logged.
    pub(crate) fn begin(logs: &Logs, id: RequestId, at: Timestamp, parts: &Parts) -> Option<Box<Self>> {
        let wanted = logs.wanted();
        if !wanted.downstream {
            return None;
        }
        let row = Downstream {
            request_id: id,
            at,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().and_then(query_without_key),
            status: 0,
            headers: parts.headers.clone(),
            body: None,
            response_body: None,
        };
        let answer = wanted.bodies.map(Capture::new);
        Some(Box::new(Self { logs: logs.clone(), row, most: wanted.bodies, answer }))
    }

    /// The body was read.
    pub(crate) fn asked(&mut self, body: &bytes::Bytes) {
        self.row.body = self.most.map(|most| Captured::of(body, most));
    }

    /// A piece of the answer goes out.
    pub(crate) fn answers(&mut self, piece: &[u8]) {
        if let Some(answer) = &mut self.answer {
            answer.push(piece);
        }
    }

    /// The request is over.
    pub(crate) fn end(mut self: Box<Self>, status: u16) {
        self.row.status = status;
        self.row.response_body = self.answer.as_mut().map(Capture::take);
        self.logs.downstream(self.row);
    }
}
