//! What the upstream received and how each request ended, for tests to compare with the gateway's books.
//!
//! A request's outcome is settled exactly once: by the answer's last part, by the fault that ended it,
//! or, when neither came, by the drop of the answer, which is how a peer that hangs up shows itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::received::{Outcome, Received, ReportedUsage, now_ms};

/// Bytes of request bodies that are kept in all. Beyond, the oldest bodies are let go of, and their
/// entries stay without them.
const KEPT_BODIES: usize = 256 << 20;

/// Counts over everything received since the last reset, kept also where entries are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Requests received.
    pub received: u64,
    /// Requests not over yet.
    pub open: u64,
    /// Requests with the outcome `Answered`.
    pub answered: u64,
    /// Requests with the outcome `Interrupted`.
    pub interrupted: u64,
    /// Requests with the outcome `ClientGone`.
    pub client_gone: u64,
}

/// A shared handle on the record of requests.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Book>);

#[derive(Debug)]
struct Book {
    capacity: usize,
    pages: Mutex<Pages>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Pages {
    entries: VecDeque<Received>,
    totals: Totals,
    last_sequence: u64,
    /// The bodies that are kept, oldest first, as sequence and length; and the sum of the lengths.
    bodies: VecDeque<(u64, usize)>,
    body_bytes: usize,
    /// Entries up to this sequence belong to a time that was reset.
    since: u64,
}

impl Ledger {
    /// A ledger that keeps the latest `capacity` requests.
    pub(super) fn new(capacity: usize) -> Self {
        Self(Arc::new(Book { capacity, pages: Mutex::default(), changed: Notify::new() }))
    }

    /// All requests kept, oldest first.
    pub fn entries(&self) -> Vec<Received> {
        self.pages().entries.iter().cloned().collect()
    }

    /// The requests whose `tag` directive is `tag`, oldest first.
    pub fn tagged(&self, tag: &str) -> Vec<Received> {
        self.pages().entries.iter().filter(|entry| entry.tag.as_deref() == Some(tag)).cloned().collect()
    }

    /// The counts since the last reset.
    pub fn totals(&self) -> Totals {
        self.pages().totals
    }

    /// Forgets all requests; those still open are no longer tracked.
    pub fn reset(&self) {
        let mut pages = self.pages();
        let last_sequence = pages.last_sequence;
        *pages = Pages { last_sequence, since: last_sequence, ..Pages::default() };
    }

    /// Waits until `holds` is true of the entries and returns them; an error after `deadline`.
    pub async fn wait_until(
        &self,
        deadline: Duration,
        holds: impl Fn(&[Received]) -> bool,
    ) -> Result<Vec<Received>> {
        let end = Instant::now() + deadline;
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let entries = self.entries();
            if holds(&entries) {
                return Ok(entries);
            }
            if tokio::time::timeout_at(end, changed).await.is_err() {
                let outcomes: Vec<_> = entries.iter().map(|entry| entry.outcome).collect();
                bail!("the ledger did not come to hold what was awaited in {deadline:?}: {outcomes:?}");
            }
        }
    }

    /// Waits until no request is open.
    pub async fn wait_settled(&self, deadline: Duration) -> Result<Vec<Received>> {
        self.wait_until(deadline, |entries| entries.iter().all(|entry| entry.outcome != Outcome::Open)).await
    }

    /// Opens a page; the sequence is given here, under the lock, so that entries stay sorted by it.
    pub(super) fn begin(&self, mut received: Received) -> Entry {
        let mut pages = self.pages();
        pages.last_sequence += 1;
        received.sequence = pages.last_sequence;
        let entry = Entry { ledger: self.clone(), sequence: received.sequence, status: 0, open: true };
        pages.totals.received += 1;
        pages.totals.open += 1;
        if self.0.capacity > 0 {
            pages.keep(received, self.0.capacity);
        }
        drop(pages);
        self.0.changed.notify_waiters();
        entry
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Adds an entry, for which older ones, or the bodies of older ones, may have to go.
    fn keep(&mut self, received: Received, capacity: usize) {
        if self.entries.len() == capacity {
            let oldest = self.entries.pop_front().map(|oldest| oldest.sequence);
            if self.bodies.front().map(|(sequence, _)| *sequence) == oldest {
                self.let_go_of_a_body();
            }
        }
        if received.body.is_some() {
            self.bodies.push_back((received.sequence, received.body_bytes));
            self.body_bytes += received.body_bytes;
        }
        self.entries.push_back(received);
        while self.body_bytes > KEPT_BODIES {
            self.let_go_of_a_body();
        }
    }

    fn let_go_of_a_body(&mut self) {
        let Some((sequence, length)) = self.bodies.pop_front() else { return };
        self.body_bytes -= length;
        if let Some(entry) = self.entry(sequence) {
            entry.body = None;
        }
    }

    fn entry(&mut self, sequence: u64) -> Option<&mut Received> {
        let at = self.entries.binary_search_by_key(&sequence, |entry| entry.sequence).ok()?;
        self.entries.get_mut(at)
    }
}

/// The open page of one request; dropping it unsettled means that the client has gone.
#[derive(Debug)]
pub(super) struct Entry {
    ledger: Ledger,
    sequence: u64,
    status: u16,
    open: bool,
}

impl Entry {
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    pub(super) fn sent(&self, ends_event: bool, usage: Option<ReportedUsage>) {
        if self.ledger.0.capacity == 0 {
            return;
        }
        if let Some(entry) = self.ledger.pages().entry(self.sequence) {
            entry.parts += 1;
            entry.events += u64::from(ends_event);
            entry.usage = usage.or(entry.usage);
        }
        self.ledger.0.changed.notify_waiters();
    }

    pub(super) fn answered(&mut self) {
        self.settle(Outcome::Answered { status: self.status });
    }

    pub(super) fn interrupted(&mut self) {
        self.settle(Outcome::Interrupted);
    }

    fn settle(&mut self, outcome: Outcome) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut pages = self.ledger.pages();
        if self.sequence > pages.since {
            pages.totals.open -= 1;
            match outcome {
                Outcome::Answered { .. } => pages.totals.answered += 1,
                Outcome::Interrupted => pages.totals.interrupted += 1,
                Outcome::ClientGone => pages.totals.client_gone += 1,
                Outcome::Open => {}
            }
        }
        if let Some(entry) = pages.entry(self.sequence) {
            entry.outcome = outcome;
            entry.ended_ms = Some(now_ms());
        }
        drop(pages);
        self.ledger.0.changed.notify_waiters();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.settle(Outcome::ClientGone);
    }
}
