//! An answer on its way to the client: the provider's bytes, past an observer, and through a translation
//! where the client speaks another dialect.
//!
//! Events are passed on whole, so that a stream which breaks can end in a proper error event; a chunk
//! of whole events passes without being copied. The body is pulled by the client's connection: a
//! client that reads slowly slows the provider down, and nothing piles up here. Timeouts run only
//! while this side waits for the provider.
//!
//! The settlement is written before the bytes that end the answer are handed on.

mod wait;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use penstock_core::canonical::CanonicalChunk;
use penstock_core::{Dialect, Ended, RequestId};
use penstock_dialects::codec::StreamError;
use penstock_dialects::errors::encode_event;
use penstock_dialects::observe::Observer;
use penstock_dialects::sse::{Block, Splitter};
use penstock_dialects::strip_usage;
use tokio::sync::watch;
use tokio::time::Instant;

use self::wait::Late;
pub(crate) use self::wait::Wait;
use crate::GatewayError;
use crate::logs::Attempted;
use crate::pipeline::{Modules, Outcome, Recorded};
use crate::respond::BodyError;
use crate::settle::SettleGuard;
use crate::translate::{TranslatedStream, Translation};

/// What an answer has to know of its request.
#[derive(Clone, Debug)]
pub struct About {
    /// The gateway's id.
    pub request_id: RequestId,
    /// The client's dialect.
    pub dialect: Dialect,
    /// The provider's.
    pub spoken: Dialect,
    /// The provider, for messages.
    pub provider: Arc<str>,
}

/// How the bytes are read as they pass.
#[derive(Debug)]
pub(crate) enum Reading {
    /// Server-sent events.
    Events { splitter: Splitter, strip_usage: bool, back: Option<Box<TranslatedStream>> },
    /// One JSON document.
    Document,
    /// Something that cannot be read, such as a compressed body.
    Opaque,
}

impl Reading {
    pub(crate) fn of(
        headers: &HeaderMap,
        strip_usage: bool,
        back: Option<&Translation>,
        id: RequestId,
    ) -> Self {
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Self::Opaque;
        }
        match text(CONTENT_TYPE) {
            Some(kind) if kind.trim_start().starts_with("text/event-stream") => {
                let back = back.and_then(|back| back.stream(id)).map(Box::new);
                Self::Events { splitter: Splitter::default(), strip_usage, back }
            }
            _ => Self::Document,
        }
    }
}

/// The body of a successful answer; see the module.
#[derive(Debug)]
pub struct AnswerBody {
    about: About,
    first: Option<Bytes>,
    upstream: Incoming,
    reading: Reading,
    observer: Observer,
    guard: SettleGuard,
    wait: Wait,
    stop: watch::Receiver<bool>,
    over: bool,
    /// What is logged of it, if that is.
    logged: Option<Box<Attempted>>,
    /// Why it was ended before its end.
    broken: Option<GatewayError>,
    /// The modules of the request.
    modules: Modules,
    /// What goes on once modules have seen what arrived.
    behind: Option<Behind>,
}

/// What waits for modules to have seen the pieces of a stream.
#[derive(Debug)]
struct Behind {
    /// The bytes that the pieces were read from, where they pass: no module may change them.
    original: Option<Bytes>,
    /// Whether they could be read to the end.
    read: Result<(), StreamError>,
    /// Whether it was the end of the body.
    is_end: bool,
}

impl AnswerBody {
    /// The body that starts with `first`.
    pub(crate) fn new(
        about: About,
        reading: Reading,
        (first, upstream): (Option<Bytes>, Incoming),
        guard: SettleGuard,
        wait: Wait,
        stop: watch::Receiver<bool>,
        mut modules: Modules,
    ) -> Self {
        let observer = Observer::new(about.spoken);
        if modules.reads_response() {
            let is_readable = !matches!(reading, Reading::Opaque);
            modules.record(Recorded::new(
                about.spoken,
                matches!(reading, Reading::Events { .. }),
                is_readable,
            ));
        }
        let (over, logged, broken, behind) = Default::default();
        Self {
            about,
            first,
            upstream,
            reading,
            observer,
            guard,
            wait,
            stop,
            over,
            logged,
            broken,
            modules,
            behind,
        }
    }

    /// The same, which is logged as it passes.
    pub(crate) fn logged(mut self, logged: Option<Box<Attempted>>) -> Self {
        self.logged = logged;
        self
    }

    /// Whether the bytes are the provider's own, one for one.
    pub fn is_unchanged(&self) -> bool {
        !self.is_stream()
    }

    /// Whether it is a stream of events.
    pub(crate) const fn is_stream(&self) -> bool {
        matches!(self.reading, Reading::Events { .. })
    }

    /// Reads the whole of it, up to `limit` bytes.
    pub(crate) async fn whole(mut self, limit: usize) -> Result<Bytes, GatewayError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = std::future::poll_fn(|context| self.poll(context, Ended::Complete)).await {
            let provider = &*self.about.provider;
            let Ok(piece) = piece else {
                let unsaid =
                    || GatewayError::Upstream(format!("the answer of provider {provider:?} broke off"));
                return Err(self.broken.take().unwrap_or_else(unsaid));
            };
            if whole.len() + piece.len() > limit {
                let message = format!("the answer of provider {provider:?} is longer than {limit} bytes");
                return Err(GatewayError::Upstream(message));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The provider's name.
    pub(crate) fn provider(&self) -> Arc<str> {
        Arc::clone(&self.about.provider)
    }

    /// Whether nothing more follows.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the end is still owed to the journal.
    pub(crate) fn is_open(&self) -> bool {
        !self.over && !self.guard.is_settled()
    }

    /// Reads on to the end for the usage alone, after the client has gone.
    pub(crate) async fn drain(mut self) {
        while let Some(Ok(_)) = std::future::poll_fn(|context| self.poll(context, Ended::ClientGone)).await {}
    }

    /// The next piece for the client; `complete` is what a whole answer counts as.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        complete: Ended,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        while !self.over {
            if self.modules.is_working() {
                let chunks = std::task::ready!(self.modules.poll_worked(context));
                if let Some(out) = self.seen(&chunks, complete) {
                    return Poll::Ready(Some(Ok(out)));
                }
                continue;
            }
            let arrived = match self.first.take() {
                Some(first) => Some(Ok(first)),
                None => match Pin::new(&mut self.upstream).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => frame.into_data().ok().map(Ok).or(Some(Ok(Bytes::new()))),
                    Poll::Ready(Some(Err(error))) => Some(Err(error)),
                    Poll::Ready(None) => None,
                    Poll::Pending => return self.wait(context),
                },
            };
            if let (Some(logged), Some(Ok(piece))) = (&mut self.logged, &arrived) {
                logged.answers(piece);
            }
            self.wait.rest();
            if let Some(error) = self.overdue() {
                return Poll::Ready(Some(self.break_off(&error)));
            }
            let out = match arrived {
                Some(Ok(chunk)) => self.take(chunk, complete),
                // everything was said: how the connection ends is of no interest any more
                Some(Err(_)) if self.observer.observed().terminal => self.end(complete),
                Some(Err(error)) => {
                    tracing::warn!(request_id = %self.about.request_id, provider = %self.about.provider, %error, "the answer broke off");
                    let message =
                        format!("provider {:?} broke off in the middle of its answer", &*self.about.provider);
                    return Poll::Ready(Some(self.break_off(&GatewayError::Upstream(message))));
                }
                None => self.end(complete),
            };
            if let Some(out) = out {
                return Poll::Ready(Some(Ok(out)));
            }
        }
        Poll::Ready(None)
    }

    /// What of `chunk` may go on now. The last of it is settled first.
    fn take(&mut self, chunk: Bytes, complete: Ended) -> Option<Bytes> {
        self.modules.arrived(&chunk);
        let (out, broken) = match &mut self.reading {
            Reading::Events { splitter, strip_usage: strip, back } => {
                let block = splitter.push(&chunk)?;
                if let Some(back) = back.as_deref_mut().filter(|_| self.modules.has_stream()) {
                    let (mut chunks, strip) = (Vec::new(), *strip);
                    let read = see_block(&mut self.observer, back, &block, &mut chunks);
                    self.behind = Some(Behind {
                        original: original(&self.modules, back, block, strip),
                        read,
                        is_end: false,
                    });
                    self.modules.work(chunks);
                    return None;
                }
                read_block(&mut self.observer, block, *strip, back.as_deref_mut())
            }
            Reading::Document => {
                self.observer.document(&chunk);
                (chunk, Ok(()))
            }
            Reading::Opaque => (chunk, Ok(())),
        };
        if let Err(error) = broken {
            return Some(self.untranslatable(out, &error));
        }
        self.pass(out, complete)
    }

    /// Lets `out` go on; the last of an answer is settled first.
    fn pass(&mut self, out: Bytes, complete: Ended) -> Option<Bytes> {
        let last = match self.reading {
            Reading::Events { .. } => self.observer.observed().terminal,
            Reading::Document | Reading::Opaque => self.upstream.is_end_stream(),
        };
        if last {
            self.settle(complete);
        }
        Some(out).filter(|out| !out.is_empty())
    }

    /// The provider has ended the body.
    fn end(&mut self, complete: Ended) -> Option<Bytes> {
        if self.modules.has_stream()
            && let Reading::Events { splitter, back: Some(back), strip_usage: strip } = &mut self.reading
        {
            let mut chunks = Vec::new();
            let mut original = passes(&self.modules, back).then(Bytes::new);
            let mut read = Ok(());
            if let Some(block) = splitter.rest() {
                read = see_block(&mut self.observer, back, &block, &mut chunks);
                original = self::original(&self.modules, back, block, *strip);
            }
            let read = read.and_then(|()| back.read_end(&mut chunks));
            self.behind = Some(Behind { original, read, is_end: true });
            self.modules.work(chunks);
            return None;
        }
        self.over = true;
        let (mut out, mut ended) = (Bytes::new(), Ok(()));
        if let Reading::Events { splitter, strip_usage: strip, back } = &mut self.reading {
            if let Some(block) = splitter.rest() {
                (out, ended) = read_block(&mut self.observer, block, *strip, back.as_deref_mut());
            }
            if let (Ok(()), Some(back)) = (&ended, back) {
                let (last, finished) = back.finish();
                out = joined(out, last);
                ended = finished;
            }
        }
        if let Err(error) = ended {
            return Some(self.untranslatable(out, &error));
        }
        self.settle(complete);
        Some(out).filter(|out| !out.is_empty())
    }

    /// Modules have seen what arrived: it goes on as they left it.
    fn seen(&mut self, chunks: &[CanonicalChunk], complete: Ended) -> Option<Bytes> {
        let Behind { original, read, is_end } = self.behind.take()?;
        let written = match &mut self.reading {
            Reading::Events { back: Some(back), .. } if original.is_none() => back.write(chunks),
            _ => Bytes::new(),
        };
        let out = original.unwrap_or(written);
        self.over = is_end;
        match read {
            Err(error) => Some(self.untranslatable(out, &error)),
            Ok(()) if is_end => {
                self.settle(complete);
                Some(out).filter(|out| !out.is_empty())
            }
            Ok(()) => self.pass(out, complete),
        }
    }

    /// Ends a stream that cannot be read on, with an error behind what was read.
    fn untranslatable(&mut self, out: Bytes, error: &StreamError) -> Bytes {
        let provider = &*self.about.provider;
        let error = match error {
            StreamError::Reported(report) => GatewayError::Upstream(report.message.clone()),
            StreamError::Malformed(_) => {
                GatewayError::Upstream(format!("the answer of provider {provider:?} cannot be read: {error}"))
            }
            StreamError::Cut => {
                GatewayError::Upstream(format!("provider {provider:?} broke off in the middle of its answer"))
            }
        };
        tracing::warn!(request_id = %self.about.request_id, provider, "a translated answer was ended");
        match self.break_off(&error) {
            Ok(event) => joined(out, event),
            Err(BodyError::Interrupted) => out,
        }
    }

    fn settle(&mut self, complete: Ended) {
        if self.guard.is_settled() {
            return;
        }
        if matches!(self.reading, Reading::Document) {
            self.observer.document_end();
        }
        let observed = self.observer.observed();
        let whole = match self.reading {
            Reading::Events { .. } => (observed.terminal || observed.finished) && !observed.failed,
            // a document without an announced length may just have stopped
            Reading::Document => observed.finished,
            Reading::Opaque => true,
        };
        let ended = if whole { complete } else { Ended::Interrupted };
        let owed = self.guard.settle(observed, ended);
        self.modules.finish(Outcome::Answered { owed, ended });
    }

    /// The error for an answer that has to end although its provider goes on: a client that reads slowly
    /// does not stop the clock of the whole request.
    fn overdue(&self) -> Option<GatewayError> {
        if self.observer.observed().terminal || self.over {
            return None;
        }
        if self.guard.is_stopping() {
            return Some(stopping());
        }
        (Instant::now() >= self.wait.deadline)
            .then(|| too_long(&self.about.provider, self.wait.timeouts.total))
    }

    /// Ends an answer that cannot go on: an error event where there are events, else a cut connection,
    /// since a document that merely stopped would look whole.
    fn break_off(&mut self, error: &GatewayError) -> Result<Bytes, BodyError> {
        self.over = true;
        self.broken = Some(error.clone());
        if matches!(self.reading, Reading::Document) {
            self.observer.document_end();
        }
        let owed = self.guard.settle(self.observer.observed(), Ended::Interrupted);
        self.modules.finish(Outcome::Answered { owed, ended: Ended::Interrupted });
        match self.reading {
            Reading::Events { .. } => {
                Ok(error.encode(self.about.dialect, self.about.request_id, encode_event))
            }
            Reading::Document | Reading::Opaque => Err(BodyError::Interrupted),
        }
    }

    /// Nothing has arrived: has it taken too long, or is the process stopping?
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let provider = &*self.about.provider;
        let error = match self.wait.poll(context, &self.stop) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(_) if self.observer.observed().terminal => {
                self.over = true;
                return Poll::Ready(None);
            }
            Poll::Ready(Late::Idle(after)) => GatewayError::UpstreamTimeout(format!(
                "provider {provider:?} sent nothing more for {} s",
                after.as_secs_f64()
            )),
            Poll::Ready(Late::Total(after)) => too_long(provider, after),
            Poll::Ready(Late::Stopping) => stopping(),
        };
        tracing::warn!(request_id = %self.about.request_id, provider, %error, "an answer was ended");
        Poll::Ready(Some(self.break_off(&error)))
    }
}

fn read_block(
    observer: &mut Observer,
    block: Block,
    strip: bool,
    back: Option<&mut TranslatedStream>,
) -> (Bytes, Result<(), StreamError>) {
    if block.whole {
        observer.block(&block.bytes);
    }
    match back {
        Some(back) => back.block(&block.bytes),
        None if strip && block.whole => (strip_usage(block.bytes), Ok(())),
        None => (block.bytes, Ok(())),
    }
}

/// Reads whole events for modules.
fn see_block(
    observer: &mut Observer,
    back: &mut TranslatedStream,
    block: &Block,
    chunks: &mut Vec<CanonicalChunk>,
) -> Result<(), StreamError> {
    if block.whole {
        observer.block(&block.bytes);
    }
    back.read(&block.bytes, chunks)
}

/// Whether a stream's bytes pass although modules see its pieces: those only look, and no dialect is between.
fn passes(modules: &Modules, back: &TranslatedStream) -> bool {
    !modules.edits_stream() && back.is_own()
}

/// The bytes as the client would have had them without modules, if they pass.
fn original(modules: &Modules, back: &TranslatedStream, block: Block, strip: bool) -> Option<Bytes> {
    let bytes = |block: Block| if strip && block.whole { strip_usage(block.bytes) } else { block.bytes };
    passes(modules, back).then(|| bytes(block))
}

/// Two pieces as one; copied only where both have something.
fn joined(one: Bytes, other: Bytes) -> Bytes {
    if one.is_empty() {
        return other;
    }
    if other.is_empty() { one } else { Bytes::from([one, other].concat()) }
}

/// The error for a request that this process ends because it stops.
pub(crate) fn stopping() -> GatewayError {
    GatewayError::Overloaded("the gateway is shutting down: try again".to_owned())
}

fn too_long(provider: &str, total: Duration) -> GatewayError {
    let seconds = total.as_secs_f64();
    GatewayError::UpstreamTimeout(format!(
        "the answer of provider {provider:?} was not complete after {seconds} s in all"
    ))
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.poll(context, Ended::Complete).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}

impl Drop for AnswerBody {
    /// Whoever was reading has gone; what was observed until then is owed.
    fn drop(&mut self) {
        if !self.guard.is_settled() {
            if matches!(self.reading, Reading::Document) {
                self.observer.document_end();
            }
            let ended = self.guard.gone();
            let owed = self.guard.abandon(self.observer.observed());
            self.modules.finish(Outcome::Answered { owed, ended });
        }
    }
}
