//! One request's way through its pipeline.
//!
//! A hook that fails is undone and passed over, whatever it did: it may return an error, panic, take too long or give
//! back nonsense. Only a module that declares [`OnFailure::Closed`] ends the request with it.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use penstock_core::RequestId;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, Fold};
use tracing::Instrument as _;

use crate::answer::{Answer, Refusal};
use crate::{
    Call, Entry, Flow, Hook, HookError, Kept, Metadata, OnFailure, Pipeline, Request, RequestContext,
    Response, ResponseContext, ResponseSource, Trace,
};

/// One request's way through a pipeline.
#[derive(Debug)]
pub struct Run {
    pipeline: Arc<Pipeline>,
    call: Arc<Call>,
    request: Request,
    metadata: Metadata,
    /// Of each module that keeps something, by its name.
    kept: Vec<(Box<str>, Kept)>,
    /// What the `pre` of an entry has been given, while it has it: whoever asks may go away in the middle of it, and
    /// every `post` comes all the same.
    lent: Option<(usize, RequestContext)>,
    trace: Trace,
    began: Instant,
    folded: Arc<Folded>,
}

/// How a request ended.
#[derive(Debug)]
pub struct Finished {
    /// The answer, as its client got it.
    pub response: Response,
    /// Since the request arrived.
    pub duration: Duration,
}

impl Run {
    /// The way of `request` through `pipeline`.
    pub fn new(pipeline: Arc<Pipeline>, call: Arc<Call>, request: Request, began: Instant) -> Self {
        let (metadata, kept, lent, trace, folded) = Default::default();
        Self { pipeline, call, request, metadata, kept, lent, trace, began, folded }
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The gateway's id of the request.
    pub fn id(&self) -> RequestId {
        self.call.id
    }

    /// Since the request arrived.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The request as it is now.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// What modules have told each other.
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What each module has done.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Runs every `pre` in order, until one answers; `None` sends the request to its provider.
    pub async fn pre(&mut self) -> Option<Answer> {
        let pipeline = Arc::clone(&self.pipeline);
        for (at, entry) in pipeline.entries().iter().enumerate() {
            if let Some(trouble) = entry.trouble() {
                if let Some(refusal) = self.without(entry, &trouble) {
                    return Some(refusal);
                }
            } else if entry.module.hooks().has(Hook::Pre)
                && let Some(answer) = self.pre_of(at, entry).await
            {
                return Some(answer);
            }
        }
        None
    }

    async fn pre_of(&mut self, at: usize, entry: &Entry) -> Option<Answer> {
        let module = entry.module.name();
        let context = RequestContext {
            request: self.request.clone(),
            metadata: std::mem::take(&mut self.metadata),
            kept: self.take_kept(module),
            storage: entry.storage.clone(),
            call: Arc::clone(&self.call),
        };
        let (_, lent) = self.lent.insert((at, context));
        let (done, took) = timed(entry, Hook::Pre, entry.module.pre(lent)).await;
        let edited = self.take_back();
        let (outcome, answer) = match &done {
            Ok(Flow::Continue) => ("continued", None),
            Ok(Flow::Respond(response)) => {
                let answer = Answer::of(module, response.clone());
                (if matches!(answer, Answer::Refused(_)) { "refused" } else { "answered" }, Some(answer))
            }
            Err(error) => ("failed", self.without(entry, error)),
        };
        self.trace.note((module, Hook::Pre), took, outcome, done.as_ref().err());
        if done.is_ok()
            && let Some(edited) = edited
        {
            // else what it did to the request is as if it had not been
            self.request = edited;
        }
        answer
    }

    /// Takes back what a `pre` was lent; the request as it left it.
    fn take_back(&mut self) -> Option<Request> {
        let (at, RequestContext { request, metadata, kept, .. }) = self.lent.take()?;
        let pipeline = Arc::clone(&self.pipeline);
        self.metadata = metadata;
        self.keep(pipeline.entries()[at].module.name(), kept);
        Some(request)
    }

    /// A request whose module cannot do its work; a refusal, if it must not go on without.
    fn without(&mut self, entry: &Entry, error: &HookError) -> Option<Answer> {
        let module = entry.module.name();
        self.metadata.set(format!("{module}.preFailed"), true);
        tracing::warn!(request_id = %self.call.id, module, hook = "pre", %error, "a module failed");
        (entry.module.on_failure() == OnFailure::Closed).then(|| {
            let message =
                format!("module {module:?} cannot check this request at the moment: try again later");
            Answer::Refused(Refusal::unavailable(module, message))
        })
    }

    /// Runs every `stream` on the next piece of the answer.
    pub async fn stream(&mut self, chunk: CanonicalChunk) -> CanonicalChunk {
        let pipeline = Arc::clone(&self.pipeline);
        let mut chunk = chunk;
        for entry in pipeline.entries() {
            if entry.trouble().is_none() && entry.module.hooks().has(Hook::Stream) {
                chunk = self.stream_of(entry, chunk).await;
            }
        }
        self.folded.push(&chunk);
        chunk
    }

    async fn stream_of(&mut self, entry: &Entry, chunk: CanonicalChunk) -> CanonicalChunk {
        let module = entry.module.name();
        let response = Response::lazy(Arc::clone(&self.folded) as Arc<dyn ResponseSource>);
        let mut context = self.response_context(entry, response, self.began.elapsed());
        let (done, took) = timed(entry, Hook::Stream, entry.module.stream(chunk.clone(), &mut context)).await;
        self.metadata = context.metadata;
        self.keep(module, context.kept);
        let done =
            done.and_then(|edited| if same_place(&chunk, &edited) { Ok(edited) } else { Err(misplaced()) });
        if let Err(error) = &done
            && !self.has_failed(module, Hook::Stream)
        {
            tracing::warn!(request_id = %self.call.id, module, hook = "stream", %error, "a module failed");
        }
        let outcome = if done.is_ok() { "continued" } else { "failed" };
        self.trace.note((module, Hook::Stream), took, outcome, done.as_ref().err());
        done.unwrap_or(chunk)
    }

    fn has_failed(&self, module: &str, hook: Hook) -> bool {
        self.trace
            .steps()
            .iter()
            .any(|step| step.module == module && step.hook == hook && step.error.is_some())
    }

    /// The answer as its client got it through [`Self::stream`].
    pub fn streamed(&self) -> Response {
        Response::lazy(Arc::clone(&self.folded) as Arc<dyn ResponseSource>)
    }

    /// Runs every `post`. Whoever calls this waits for nobody.
    pub async fn post(mut self, finished: Finished) -> Trace {
        let pipeline = Arc::clone(&self.pipeline);
        // of a `pre` in whose middle the client went away; its edits are of no use any more
        drop(self.take_back());
        for entry in pipeline.entries() {
            if entry.trouble().is_some() || !entry.module.hooks().has(Hook::Post) {
                continue;
            }
            let module = entry.module.name();
            let mut context = self.response_context(entry, finished.response.clone(), finished.duration);
            let (done, took) = timed(entry, Hook::Post, entry.module.post(&mut context)).await;
            self.metadata = context.metadata;
            self.keep(module, context.kept);
            if let Err(error) = &done {
                tracing::warn!(request_id = %self.call.id, module, hook = "post", %error, "a module failed");
            }
            let outcome = if done.is_ok() { "continued" } else { "failed" };
            self.trace.note((module, Hook::Post), took, outcome, done.as_ref().err());
        }
        self.trace
    }

    fn response_context(&mut self, entry: &Entry, response: Response, duration: Duration) -> ResponseContext {
        ResponseContext {
            request: self.request.clone(),
            metadata: std::mem::take(&mut self.metadata),
            kept: self.take_kept(entry.module.name()),
            storage: entry.storage.clone(),
            call: Arc::clone(&self.call),
            response,
            duration,
        }
    }

    fn take_kept(&mut self, module: &str) -> Kept {
        let at = self.kept.iter().position(|(name, _)| **name == *module);
        at.map(|at| self.kept.swap_remove(at).1).unwrap_or_default()
    }

    fn keep(&mut self, module: &str, kept: Kept) {
        if !kept.is_empty() {
            self.kept.push((module.into(), kept));
        }
    }
}

/// Runs a hook within its time; a panic is an error like any other.
pub(crate) async fn timed<T>(
    entry: &Entry,
    hook: Hook,
    work: impl Future<Output = Result<T, HookError>>,
) -> (Result<T, HookError>, Duration) {
    let (began, budget) = (Instant::now(), entry.budget(hook));
    let span = tracing::info_span!("hook", module = entry.module.name(), hook = hook.as_str());
    let work = AssertUnwindSafe(work).catch_unwind().instrument(span);
    let done = match tokio::time::timeout(budget, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(HookError::new("it panicked")),
        Err(_) => Err(HookError::new(format!("it took longer than {} s", budget.as_secs_f64()))),
    };
    let took = began.elapsed();
    let labels = [("module", entry.module.name().to_owned()), ("hook", hook.as_str().to_owned())];
    metrics::histogram!("penstock_module_seconds", &labels).record(took.as_secs_f64());
    if done.is_err() {
        metrics::counter!("penstock_module_failures_total", &labels).increment(1);
    }
    (done, took)
}

/// Whether a module left a chunk where it was: it may change what a chunk says, not what it is.
fn same_place(one: &CanonicalChunk, other: &CanonicalChunk) -> bool {
    use CanonicalChunk::{ContentBlockDelta, ContentBlockStart, ContentBlockStop, MessageStart};
    use std::mem::discriminant;
    match (one, other) {
        (
            ContentBlockStart { index, content_block },
            ContentBlockStart { index: other, content_block: edited },
        ) => index == other && discriminant(content_block) == discriminant(edited),
        (ContentBlockDelta { index, delta }, ContentBlockDelta { index: other, delta: edited }) => {
            index == other && discriminant(delta) == discriminant(edited)
        }
        (ContentBlockStop { index }, ContentBlockStop { index: other }) => index == other,
        // content comes in blocks
        (MessageStart { .. }, MessageStart { message }) => message.content.is_empty(),
        _ => discriminant(one) == discriminant(other),
    }
}

fn misplaced() -> HookError {
    HookError::new("expected a chunk of the same type and index as the one it was given, found another")
}

/// What has gone to the client so far.
#[derive(Debug, Default)]
struct Folded(Mutex<Fold>);

impl Folded {
    fn push(&self, chunk: &CanonicalChunk) {
        // what comes in has been checked by who read it, and stayed in its place
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).push(chunk.clone()));
    }
}

impl ResponseSource for Folded {
    fn decode(&self) -> Result<CanonicalResponse, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).so_far())
    }
}

#[cfg(test)]
mod tests;
