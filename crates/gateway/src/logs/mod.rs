//! What is logged of requests, if the settings ask for it: rows of requests of clients and to providers, and, if
//! they ask for that as well, bodies.
//!
//! A request only hands in what it has at hand: bytes that it holds anyway, headers, a status. Text, redaction and
//! the store are the [`recorder`]'s, a task of its own. No request waits for it, and what does not fit into its
//! queue is given up and counted: logs are worth less than answers and less than usage.

mod attempt;
pub mod recorder;
mod redact;
mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use penstock_control::{DEFAULT_INSTANCE, InstanceSettings, LiveSnapshot, Snapshot};
use penstock_core::{RequestId, Timestamp};
use tokio::sync::mpsc;

pub use self::attempt::Attempted;
pub(crate) use self::rows::{FOLDER, day};

/// Bytes that may wait for the recorder; what comes then is given up.
const WAITING: usize = 64 << 20;
/// What a row takes beside its bodies, about.
const ROW: usize = 1 << 10;
/// Bytes of a body that are kept where the settings do not say.
const BODY: usize = 64 << 10;
/// What was given up.
const DROPPED: &str = "penstock_log_rows_dropped_total";

/// What is to be logged of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A row of the client's request.
    pub downstream: bool,
    /// A row of each attempt at a provider.
    pub upstream: bool,
    /// So many bytes of each body at the most; `None`: no bodies.
    pub bodies: Option<usize>,
}

/// The start of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    bytes: Bytes,
    /// Whether it went on.
    cut: bool,
}

impl Captured {
    /// Of a body that is there as a whole.
    pub fn of(body: &Bytes, most: usize) -> Self {
        if body.len() <= most {
            return Self { bytes: body.clone(), cut: false };
        }
        // a slice would keep all of it while this waits
        Self { bytes: Bytes::copy_from_slice(&body[..most]), cut: true }
    }
}

/// Collects the start of a body that passes piece by piece.
#[derive(Debug)]
pub struct Capture {
    bytes: BytesMut,
    most: usize,
    cut: bool,
}

impl Capture {
    /// Collects so many bytes at the most.
    pub fn new(most: usize) -> Self {
        Self { bytes: BytesMut::new(), most, cut: false }
    }

    /// A piece passes.
    pub fn push(&mut self, piece: &[u8]) {
        let room = self.most - self.bytes.len();
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        self.cut |= piece.len() > room;
    }

    /// What passed.
    pub fn take(&mut self) -> Captured {
        Captured { bytes: std::mem::take(&mut self.bytes).freeze(), cut: self.cut }
    }
}

/// A request of a client that is over.
#[derive(Clone, Debug)]
pub struct Downstream {
    /// The gateway's id of it.
    pub request_id: RequestId,
    /// When it arrived.
    pub at: Timestamp,
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query, without keys.
    pub query: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Option<Captured>,
    /// The body of the answer.
    pub response_body: Option<Captured>,
}

/// An attempt at a provider that is over.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The gateway's id of the request it was for.
    pub request_id: RequestId,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// When it was sent.
    pub at: Timestamp,
    /// The provider.
    pub provider: Arc<str>,
    /// The credential, by name.
    pub credential: Option<Arc<str>>,
    /// Where it went, without a query.
    pub url: String,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// Until the head of the answer.
    pub latency_ms: u64,
    /// The headers that were sent.
    pub headers: HeaderMap,
    /// The body that was sent.
    pub body: Option<Captured>,
    /// The body of the answer, as the provider sent it.
    pub response_body: Option<Captured>,
}

/// What waits for the recorder.
#[derive(Debug)]
enum Row {
    Downstream(Box<Downstream>),
    Upstream(Box<Upstream>),
}

impl Row {
    /// What it holds on to, about.
    fn size(&self) -> usize {
        let bodies = match self {
            Self::Downstream(row) => [&row.body, &row.response_body],
            Self::Upstream(row) => [&row.body, &row.response_body],
        };
        let bodies = bodies.into_iter().flatten().map(|captured| captured.bytes.len());
        ROW + bodies.sum::<usize>()
    }
}

/// Where requests hand in what is logged of them.
#[derive(Clone, Debug)]
pub struct Logs {
    queue: mpsc::UnboundedSender<Row>,
    waiting: Arc<AtomicUsize>,
    live: Arc<LiveSnapshot>,
    instance: Arc<str>,
}

impl Logs {
    /// What the settings ask for now.
    pub fn wanted(&self) -> Wanted {
        let current = self.live.current();
        let Some(settings) = settings(&current, &self.instance) else { return Wanted::default() };
        let most =
            settings.capture_max_bytes.map_or(BODY, |most| usize::try_from(most).unwrap_or(usize::MAX));
        Wanted {
            downstream: settings.log_downstream,
            upstream: settings.log_upstream,
            bodies: settings.capture_bodies.then_some(most.min(WAITING / 4)),
        }
    }

    /// Hands in a request of a client.
    pub fn downstream(&self, row: Downstream) {
        self.hand_in(Row::Downstream(Box::new(row)));
    }

    /// Hands in an attempt.
    pub fn upstream(&self, row: Upstream) {
        self.hand_in(Row::Upstream(Box::new(row)));
    }

    fn hand_in(&self, row: Row) {
        let size = row.size();
        if self.waiting.fetch_add(size, Ordering::Relaxed) + size > WAITING || self.queue.send(row).is_err() {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            metrics::counter!(DROPPED).increment(1);
        }
    }
}

/// The settings that hold for an instance: its own, or those for all.
pub(crate) fn settings<'a>(snapshot: &'a Snapshot, instance: &str) -> Option<&'a InstanceSettings> {
    let all = &snapshot.records().settings;
    all.named(instance).or_else(|| all.named(DEFAULT_INSTANCE)).map(|settings| &**settings)
}

#[cfg(test)]
mod tests;
