//! What scripts reach: the one way from an engine to everything else.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use penstock_pipeline::{HookError, Place};
use penstock_storage::StorageAdapter;
use tokio::runtime::Handle;

use super::calls::Calls;
use super::event::{Event, Outcome, Scope};
use super::thread::Shared;
use super::timers::Timers;
use crate::bindings::{self, Arguments, Fetcher};
use crate::engine::{Failure, Host, Thrown, Value};
use crate::options::ScriptOptions;
use crate::prelude;
use crate::typescript::{Sources, is_built_in};

/// What a thread was made with.
pub(crate) struct Reach {
    pub(super) runtime: Handle,
    pub(super) shared: Weak<Shared>,
    pub(super) sources: Arc<Sources>,
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) options: ScriptOptions,
    pub(super) name: String,
}

/// Something that scripts wait for.
pub(crate) type Asked = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// How long a thread that is lent to a script waits, so that another one can take over the rest of its work.
const HAND_OVER: Duration = Duration::from_millis(1);

/// The host of one engine. Only whoever has the scripts changes what is in it.
pub(crate) struct ThreadHost {
    pub(super) reach: Reach,
    calls: Mutex<Calls>,
    timers: Mutex<Timers>,
    /// For whom the script works at the moment: what it asks for is asked for them. 0 is nobody.
    current: AtomicU32,
    generation: AtomicU32,
    /// Whether the script runs on a thread that others wait for.
    pub(super) is_lent: AtomicBool,
    asked: Mutex<HashMap<u32, u32>>,
    adapters: Mutex<Vec<StorageAdapter>>,
    began: Instant,
}

fn locked<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ThreadHost {
    pub(super) fn new(reach: Reach) -> Self {
        Self {
            reach,
            calls: Mutex::default(),
            timers: Mutex::default(),
            current: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            is_lent: AtomicBool::new(false),
            asked: Mutex::default(),
            adapters: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// A new engine takes the place of the old one, which nothing must reach any more.
    pub(super) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
        *self.timers() = Timers::default();
        locked(&self.asked).clear();
        self.works_for(0);
        self.is_lent.store(false, Ordering::Relaxed);
    }

    /// Which engine this is.
    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    /// For whom the script works now.
    pub(super) fn works_for(&self, call: u32) {
        self.current.store(call, Ordering::Relaxed);
    }

    fn current(&self) -> u32 {
        self.current.load(Ordering::Relaxed)
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Calls> {
        locked(&self.calls)
    }

    pub(super) fn timers(&self) -> MutexGuard<'_, Timers> {
        locked(&self.timers)
    }

    /// Whose operation that is, which is over now.
    pub(super) fn answered(&self, operation: u32) -> Option<u32> {
        locked(&self.asked).remove(&operation)
    }

    /// The number by which scripts know this adapter.
    pub(super) fn adapter(&self, adapter: &StorageAdapter) -> usize {
        let mut known = locked(&self.adapters);
        let is_same = |other: &StorageAdapter| {
            std::ptr::addr_eq(other.kv(), adapter.kv())
                && std::ptr::addr_eq(other.database(), adapter.database())
                && std::ptr::addr_eq(other.blob(), adapter.blob())
        };
        known.iter().position(is_same).unwrap_or_else(|| {
            known.push(adapter.clone());
            known.len() - 1
        })
    }

    /// What `read` finds in the scope of a call.
    pub(crate) fn scope<T>(
        &self,
        call: u32,
        read: impl FnOnce(&Scope) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let calls = self.calls();
        let over = || {
            Failure::new(
                "this hook is over: what it needs of the request or the answer has to be read before it returns",
            )
        };
        read(calls.scope(call).ok_or_else(over)?)
    }

    /// The adapter that scripts know by this number.
    pub(crate) fn adapter_of(&self, own: usize) -> Result<StorageAdapter, Failure> {
        locked(&self.adapters).get(own).cloned().ok_or_else(|| Failure::new("there is no such storage"))
    }

    /// Milliseconds since the thread began.
    pub(crate) fn milliseconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1e3
    }

    /// What asks other hosts.
    pub(crate) fn fetcher(&self) -> Arc<Fetcher> {
        Arc::clone(&self.reach.fetcher)
    }

    /// Has something done that takes a while. What is there at once is answered at once.
    pub(crate) fn ask(&self, operation: u32, mut asked: Asked) -> Result<Value, Failure> {
        let call = self.current();
        if !self.calls().may_go_on(call) {
            return Err(Failure::new("the request is over, and nobody waits for this hook any more"));
        }
        let _entered = self.reach.runtime.enter();
        if let Poll::Ready(answer) = asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
        locked(&self.asked).insert(operation, call);
        let (shared, generation) = (Weak::clone(&self.reach.shared), self.generation());
        self.reach.runtime.spawn(async move {
            let answer = asked.await;
            // if the thread has ended nobody wants it
            if let Some(shared) = shared.upgrade() {
                drop(shared.deliver(Event::Done { generation, operation, answer }));
            }
        });
        Ok(Value::Nothing)
    }

    /// Sets a timer.
    pub(crate) fn set_timer(&self, timer: u32, wait: Duration, is_repeated: bool) {
        // one that repeats itself is the module's, whoever set it
        let call = if is_repeated { 0 } else { self.current() };
        if self.calls().may_go_on(call) {
            self.timers().set(timer, wait, call);
        }
    }

    /// Takes a timer away.
    pub(crate) fn clear_timer(&self, timer: u32) {
        self.timers().clear(timer);
    }

    /// Ends a call as the script says.
    pub(crate) fn settle(&self, call: u32, outcome: Outcome) {
        self.calls().end(call, Ok(outcome));
    }

    /// Ends a call with what the script threw.
    pub(crate) fn fail(&self, call: u32, thrown: &Thrown, is_storage: bool) {
        let error = HookError { is_storage, ..self.error(thrown) };
        self.calls().end(call, Err(error));
    }

    /// What was thrown, with its place in the source.
    pub(crate) fn error(&self, thrown: &Thrown) -> HookError {
        HookError::new(thrown.message.clone()).at(self.place(&thrown.stack))
    }

    /// The innermost place of a stack that is in a file of the module.
    pub(crate) fn place(&self, stack: &str) -> Option<Place> {
        stack.lines().find_map(|line| {
            let line = line.trim().trim_end_matches(')');
            let (rest, column) = line.rsplit_once(':')?;
            let (rest, row) = rest.rsplit_once(':')?;
            // `at name (file`, or `at file`
            let file = rest
                .rsplit_once('(')
                .map_or_else(|| rest.strip_prefix("at ").unwrap_or(rest), |(_, file)| file);
            self.reach.sources.place(file, row.parse().ok()?, column.parse().ok()?)
        })
    }

    /// Says something in the log, for a call.
    pub(crate) fn log(&self, call: u32, level: &str, message: &str, fields: Option<&str>) {
        let call = if call == 0 { self.current() } else { call };
        let calls = self.calls();
        let scope = calls.scope(call);
        let module = scope.map_or(&*self.reach.name, |scope| &*scope.module);
        let request_id = scope.map(|scope| tracing::field::display(scope.call.id));
        match level {
            "debug" => tracing::debug!(module, request_id, fields, "{message}"),
            "info" => tracing::info!(module, request_id, fields, "{message}"),
            "warn" => tracing::warn!(module, request_id, fields, "{message}"),
            _ => tracing::error!(module, request_id, fields, "{message}"),
        }
    }
}

impl Host for ThreadHost {
    fn call(&self, operation: &str, arguments: &[Value]) -> Result<Value, Failure> {
        bindings::call(self, operation, Arguments::new(operation, arguments))
    }

    fn resolve(&self, importer: &str, specifier: &str) -> Result<String, String> {
        if let Some(name) = prelude::resolve(importer, specifier) {
            return Ok(name);
        }
        if is_built_in(importer) && (is_built_in(specifier) || specifier == self.reach.sources.entry()) {
            return Ok(specifier.to_owned());
        }
        self.reach.sources.resolve(importer, specifier)
    }

    fn code(&self, name: &str) -> Option<String> {
        if is_built_in(name) {
            return prelude::code(name).map(str::to_owned);
        }
        self.reach.sources.code(name).map(str::to_owned)
    }

    /// Gives the other tasks of a thread that is lent to another one: they wait for no script.
    fn is_long(&self) {
        if self.is_lent.load(Ordering::Relaxed) {
            tokio::task::block_in_place(|| std::thread::sleep(HAND_OVER));
        }
    }
}
