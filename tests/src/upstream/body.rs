//! Sends an answer's parts at the script's pace, and tells the ledger how far it came.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::connection::Sabotage;
use super::ledger::Entry;
use super::render::SharedAnswer;
use super::script::Fault;

/// The script says that the connection breaks here; hyper then closes it without a terminator.
#[derive(Debug)]
pub(super) struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the script cuts the answer short")
    }
}

impl std::error::Error for CutShort {}

/// A response body under script.
pub(super) struct PacedBody {
    answer: SharedAnswer,
    /// Parts sent so far.
    sent: usize,
    /// Whether the pause before the next part is over.
    paused: bool,
    sleep: Option<Pin<Box<Sleep>>>,
    entry: Option<Entry>,
    sabotage: Sabotage,
}

impl PacedBody {
    /// A body that settles `entry`; none for the answers the ledger itself gives.
    pub(super) fn new(answer: SharedAnswer, mut entry: Option<Entry>, sabotage: Sabotage) -> Self {
        if answer.parts.is_empty()
            && answer.fault.is_none()
            && let Some(entry) = &mut entry
        {
            entry.answered();
        }
        Self { answer, sent: 0, paused: false, sleep: None, entry, sabotage }
    }

    /// Waits as the next part asks. A bare turn of the event loop is a pause too: hyper flushes what it
    /// has buffered whenever a body is pending.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(context));
            self.sleep = None;
        }
        if self.paused {
            return Poll::Ready(());
        }
        self.paused = true;
        let delay = self.answer.parts.get(self.sent).map(|part| part.delay).unwrap_or_default();
        if !delay.is_zero() {
            let mut pause = Box::pin(sleep(delay));
            if pause.as_mut().poll(context).is_pending() {
                self.sleep = Some(pause);
                return Poll::Pending;
            }
        } else if self.sent > 0 && (self.answer.flush_each || self.fault_is_due()) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn fault_is_due(&self) -> bool {
        self.answer.fault.is_some_and(|(after, _)| self.sent >= after)
    }

    fn poll_fault(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        match fault {
            // No waker: only the peer can end this
            Fault::Stall => return Poll::Pending,
            Fault::Cut => {}
            Fault::Reset => self.sabotage.reset_on_close(),
        }
        if let Some(entry) = &mut self.entry {
            entry.interrupted();
        }
        Poll::Ready(Some(Err(CutShort)))
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        let this = &mut *self;
        ready!(this.poll_pause(context));
        if this.fault_is_due()
            && let Some((_, fault)) = this.answer.fault
        {
            return this.poll_fault(fault);
        }
        let Some(part) = this.answer.parts.get(this.sent) else {
            return Poll::Ready(None);
        };
        this.sent += 1;
        this.paused = false;
        let last = this.sent == this.answer.parts.len();
        if let Some(entry) = &mut this.entry {
            entry.sent(part.ends_event, part.usage);
            // A sized body is not polled again after its last byte, so the end is noted with it
            if last && this.answer.fault.is_none_or(|(after, _)| after > this.sent) {
                if this.answer.unfinished {
                    entry.interrupted();
                } else {
                    entry.answered();
                }
            }
        }
        Poll::Ready(Some(Ok(Frame::data(part.bytes.clone()))))
    }

    fn size_hint(&self) -> SizeHint {
        if !self.answer.sized {
            return SizeHint::default();
        }
        let left: usize = self.answer.parts.iter().skip(self.sent).map(|part| part.bytes.len()).sum();
        SizeHint::with_exact(left as u64)
    }
}
