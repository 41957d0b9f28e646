//! A request's modules while its answer is on its way, and after it.
//!
//! However the request ends, every `post` runs once, in a task that nobody waits for but the shutdown. Whoever ends the
//! request says what its client got; if nobody does, the client has gone.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use penstock_core::Ended;
use penstock_core::canonical::CanonicalChunk;
use penstock_pipeline::{Finished, Owed, Response, ResponseSource, Run, Trace};
use tokio_util::task::TaskTracker;

use super::Recorded;
use crate::GatewayError;
use crate::traces::Within;

/// The modules of one request.
#[derive(Default)]
pub(crate) struct Modules {
    state: State,
    /// The answer's bytes, where a module reads it afterwards.
    recorded: Option<Recorded>,
    tasks: Option<TaskTracker>,
    /// What their spans stand in, where somebody keeps them.
    within: Option<Within>,
}

type Work = Pin<Box<dyn Future<Output = (Box<Run>, Vec<CanonicalChunk>)> + Send>>;

#[derive(Default)]
enum State {
    /// There are none, or they are done.
    #[default]
    None,
    Ready(Box<Run>),
    /// They look at pieces of the stream.
    Working(Work),
}

/// What became of a request.
pub(crate) enum Outcome {
    /// It was answered by a provider, to its end or not.
    Answered {
        /// What that cost, if a provider was asked.
        owed: Option<Owed>,
        /// How it ended.
        ended: Ended,
    },
    /// A module answered it.
    Given(Response),
    /// The client got an error: a status, and what it says.
    Failed(u16, String),
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modules").field("run", &self.run()).finish_non_exhaustive()
    }
}

impl Modules {
    /// No modules.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Those of `run`.
    pub(super) fn of(run: Run, tasks: TaskTracker, within: Option<Within>) -> Self {
        Self { state: State::Ready(Box::new(run)), recorded: None, tasks: Some(tasks), within }
    }

    /// The run, unless there is none or it is at work.
    pub(crate) fn run(&self) -> Option<&Run> {
        match &self.state {
            State::Ready(run) => Some(run),
            State::None | State::Working(_) => None,
        }
    }

    pub(super) fn run_mut(&mut self) -> Option<&mut Run> {
        match &mut self.state {
            State::Ready(run) => Some(run),
            State::None | State::Working(_) => None,
        }
    }

    /// Whether there are any.
    pub(crate) const fn are_there(&self) -> bool {
        !matches!(self.state, State::None)
    }

    /// Whether a module sees the pieces of a stream.
    pub(crate) fn has_stream(&self) -> bool {
        self.run().is_some_and(|run| run.pipeline().has_stream())
    }

    /// Whether one may change them.
    pub(crate) fn edits_stream(&self) -> bool {
        self.run().is_some_and(|run| run.pipeline().edits_stream())
    }

    /// Whether the answer's bytes have to be kept until its end.
    pub(crate) fn reads_response(&self) -> bool {
        self.run().is_some_and(|run| run.pipeline().reads_response())
    }

    /// From here on what arrives is kept, without being copied.
    pub(crate) fn record(&mut self, recorded: Recorded) {
        self.recorded = Some(recorded);
    }

    /// Something of the answer has arrived.
    pub(crate) fn arrived(&mut self, piece: &bytes::Bytes) {
        if let Some(recorded) = &mut self.recorded {
            recorded.push(piece);
        }
    }

    /// Gives the next pieces of the stream to the modules; see [`Self::poll_worked`].
    pub(crate) fn work(&mut self, chunks: Vec<CanonicalChunk>) {
        if let State::Ready(mut run) = std::mem::take(&mut self.state) {
            self.state = State::Working(Box::pin(async move {
                let mut done = Vec::with_capacity(chunks.len());
                for chunk in chunks {
                    done.push(run.stream(chunk).await);
                }
                (run, done)
            }));
        }
    }

    /// Whether pieces are with the modules.
    pub(crate) const fn is_working(&self) -> bool {
        matches!(self.state, State::Working(_))
    }

    /// The pieces as the modules leave them.
    pub(crate) fn poll_worked(&mut self, context: &mut Context<'_>) -> Poll<Vec<CanonicalChunk>> {
        let State::Working(work) = &mut self.state else {
            return Poll::Ready(Vec::new());
        };
        let (run, chunks) = ready!(work.as_mut().poll(context));
        self.state = State::Ready(run);
        Poll::Ready(chunks)
    }

    /// The request has ended: every `post` runs. Later calls do nothing.
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        let (state, recorded) = (std::mem::take(&mut self.state), self.recorded.take());
        let within = self.within.take();
        let Some(tasks) = &self.tasks else { return };
        match state {
            State::None => {}
            State::Ready(run) if !run.pipeline().has_post() => show(run.trace(), within.as_ref()),
            State::Ready(run) => drop(tasks.spawn(post(*run, recorded, outcome, within))),
            State::Working(work) => drop(tasks.spawn(async move {
                let (run, _) = work.await;
                post(*run, recorded, outcome, within).await;
            })),
        }
    }

    /// The same for a request that ends in an error of the gateway.
    pub(crate) fn failed(&mut self, error: &GatewayError) {
        self.finish(Outcome::Failed(error.class().status, error.to_string()));
    }
}

async fn post(run: Run, recorded: Option<Recorded>, outcome: Outcome, within: Option<Within>) {
    let response = match outcome {
        Outcome::Given(response) => response.with_end(Ended::Complete, None),
        Outcome::Failed(status, message) => Response::failed(status, message),
        Outcome::Answered { owed, ended } => {
            let streamed =
                run.trace().steps().iter().any(|step| step.hook == penstock_pipeline::Hook::Stream);
            let response = match recorded {
                Some(recorded) if !streamed => Response::lazy(Arc::new(recorded) as Arc<dyn ResponseSource>),
                _ => run.streamed(),
            };
            response.with_end(ended, owed)
        }
    };
    let (id, duration) = (run.id(), run.elapsed());
    let trace = run.post(Finished { response, duration }).await;
    tracing::debug!(request_id = %id, trace = %serde_json::to_string(&trace).unwrap_or_default(), "modules");
    show(&trace, within.as_ref());
}

/// Makes spans of what modules have done, where somebody keeps them.
fn show(trace: &Trace, within: Option<&Within>) {
    if let Some(within) = within {
        within.hooks(trace);
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        self.finish(Outcome::Failed(499, "the client has gone before it was answered".to_owned()));
    }
}
