//! What scripts run in.
//!
//! A [`Worker`] is one engine with a thread. Each call is answered once; between two stretches of script the engine
//! takes whatever comes next, so that the hooks of many requests interleave as they would in Node. Futures of the
//! storage and of `fetch` run on the gateway's runtime, and what they bring is such a stretch too.

mod calls;
mod event;
mod reach;
mod recipe;
mod scripts;
mod thread;
mod timers;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak, mpsc};

use penstock_pipeline::HookError;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use event::{Event, Incoming};
pub(crate) use event::{Outcome, Scope, Work};
use reach::Reach;
pub(crate) use reach::ThreadHost;
use scripts::Scripts;
use thread::Shared;

use crate::bindings::Fetcher;
use crate::options::ScriptOptions;
use crate::typescript::Sources;

/// An engine that runs the scripts of one file, and its thread. It ends when nobody has it any more.
pub(crate) struct Worker {
    shared: Arc<Shared>,
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
        let (sender, events) = mpsc::channel();
        let runtime = Handle::current();
        let may_enter = runtime.runtime_flavor() == RuntimeFlavor::MultiThread;
        let thread = std::thread::Builder::new()
            .name(format!("module {name}").chars().take(15).collect())
            .stack_size(STACK);
        let (name, Runs { options, fetcher }) = (name.to_owned(), runs.clone());
        let shared = Arc::new_cyclic(|shared| {
            let reach = Reach { runtime, shared: Weak::clone(shared), sources, fetcher, options, name };
            Shared::new(Scripts::new(reach), sender, may_enter)
        });
        let threads = Arc::clone(&shared);
        thread
            .spawn(move || thread::run(&threads, &events))
            .map_err(|error| format!("cannot start a thread for scripts: {error}"))?;
        Ok(Self { shared, last: AtomicU32::new(0), busy: AtomicUsize::new(0) })
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

impl std::fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Worker").field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // if nobody listens it has ended already
        drop(self.shared.send(Event::Stop));
    }
}

/// A call that a worker counts until it is answered or called off.
pub(crate) struct Place<'a> {
    worker: &'a Worker,
}

impl Place<'_> {
    /// Has `work` done here. To drop the future is to call it off.
    pub(crate) async fn call(self, work: Work) -> Result<Outcome, HookError> {
        let Worker { shared, last, .. } = self.worker;
        let id = last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let (reply, answer) = oneshot::channel();
        let mut waiting = Waiting { shared, id, is_over: false };
        let ended = || HookError::new("the thread of its scripts has ended");
        let incoming = Box::new(Incoming { id, work, reply: Some(reply) });
        shared.deliver(Event::Call(incoming)).map_err(|_| ended())?;
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
    shared: &'a Shared,
    id: u32,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            drop(self.shared.send(Event::Gone(self.id)));
        }
    }
}
