//! The threads that scripts run on.
//!
//! A [`Worker`] is one thread with one engine. Calls come in as messages, and each is answered once; between two
//! stretches of script the thread takes whatever comes next, so that the hooks of many requests interleave as they
//! would in Node. Futures of the storage and of `fetch` run on the gateway's runtime and come back as messages too.

mod calls;
mod event;
mod reach;
mod recipe;
mod thread;
mod timers;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use penstock_pipeline::HookError;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use event::{Event, Incoming};
pub(crate) use event::{Outcome, Scope, Work};
use reach::Reach;
pub(crate) use reach::ThreadHost;

use crate::bindings::Fetcher;
use crate::options::ScriptOptions;
use crate::typescript::Sources;

/// A thread that runs the scripts of one file. It ends when nobody has it any more.
#[derive(Debug)]
pub(crate) struct Worker {
    sender: mpsc::Sender<Event>,
    last: AtomicU32,
    busy: AtomicUsize,
}

/// How all threads run.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    pub(crate) options: ScriptOptions,
    pub(crate) fetcher: Arc<Fetcher>,
}

/// The stack of a thread: what scripts may use, and as much again for what they call.
const STACK: usize = 4 << 20;

impl Worker {
    /// Starts a thread for this file. It is called `name` in the log, where no module says what it is.
    pub(crate) fn start(name: &str, sources: Arc<Sources>, runs: &Runs) -> Result<Self, String> {
        let (sender, receiver) = mpsc::channel();
        let events = sender.clone();
        let (runtime, name) = (Handle::current(), name.to_owned());
        let Runs { options, fetcher } = runs.clone();
        std::thread::Builder::new()
            .name(format!("module {name}").chars().take(15).collect())
            .stack_size(STACK)
            .spawn(move || thread::run(&receiver, Reach { runtime, events, sources, fetcher, options, name }))
            .map_err(|error| format!("cannot start a thread for scripts: {error}"))?;
        Ok(Self { sender, last: AtomicU32::new(0), busy: AtomicUsize::new(0) })
    }

    /// Has `work` done. To drop the future is to call it off.
    pub(crate) async fn call(&self, work: Work) -> Result<Outcome, HookError> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Place { worker: self }.call(work).await
    }

    /// A place with the one of `workers` that has the fewest calls, and what stands beside it.
    ///
    /// It is taken as it is found, so that calls that come at the same time do not all take the same one.
    pub(crate) fn least_busy<T>(workers: &[(Arc<Self>, T)]) -> Option<(Place<'_>, &T)> {
        loop {
            let calls = |(worker, _): &(Arc<Self>, T)| worker.busy.load(Ordering::Relaxed);
            let (seen, (worker, beside)) =
                workers.iter().map(|worker| (calls(worker), worker)).min_by_key(|(calls, _)| *calls)?;
            let taken = worker.busy.compare_exchange(seen, seen + 1, Ordering::Relaxed, Ordering::Relaxed);
            if taken.is_ok() {
                return Some((Place { worker }, beside));
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // if nobody listens it has ended already
        drop(self.sender.send(Event::Stop));
    }
}

/// A call that a worker counts until it is answered or called off.
pub(crate) struct Place<'a> {
    worker: &'a Worker,
}

impl Place<'_> {
    /// Has `work` done here. To drop the future is to call it off.
    pub(crate) async fn call(self, work: Work) -> Result<Outcome, HookError> {
        let Worker { sender, last, .. } = self.worker;
        let id = last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let (reply, answer) = oneshot::channel();
        let mut waiting = Waiting { sender, id, is_over: false };
        let ended = || HookError::new("the thread of its scripts has ended");
        sender.send(Event::Call(Box::new(Incoming { id, work, reply: Some(reply) }))).map_err(|_| ended())?;
        let answer = answer.await;
        waiting.is_over = true;
        answer.map_err(|_| ended())?
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.worker.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call that is not answered so far.
struct Waiting<'a> {
    sender: &'a mpsc::Sender<Event>,
    id: u32,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            drop(self.sender.send(Event::Gone(self.id)));
        }
    }
}
