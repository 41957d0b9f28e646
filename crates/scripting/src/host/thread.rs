//! The life of a thread of scripts.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use penstock_pipeline::HookError;

use super::calls::Running;
use super::event::{Event, Incoming, Work};
use super::reach::{Reach, ThreadHost};
use super::recipe::Recipe;
use crate::engine::{self, Cut, Engine, Limits, Stretch, Value};

/// How long an engine whose memory is used up waits for the hooks in it to end, before it is replaced.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// How long a file that could not be read again is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// What a thread of scripts is at.
enum Phase {
    /// It works.
    Ready,
    /// Its memory is used up: it takes no more calls, and is replaced at that time or when all have ended.
    Worn(Instant),
    /// It is being made again; these steps are left.
    Restoring(VecDeque<Work>),
    /// It could not be made again, at that time, for this reason.
    Broken(Instant, HookError),
}

struct Thread {
    host: Rc<ThreadHost>,
    limits: Limits,
    engine: Option<Box<dyn Engine>>,
    recipe: Recipe,
    phase: Phase,
    /// Calls that have to wait.
    waiting: VecDeque<Incoming>,
}

/// Runs until nobody wants anything any more.
pub(super) fn run(events: &Receiver<Event>, reach: Reach) {
    let limits = Limits { memory: reach.options.memory, stretch: reach.options.stretch };
    let host = Rc::new(ThreadHost::new(reach));
    let (recipe, waiting) = (Recipe::default(), VecDeque::new());
    let mut thread = Thread { host, limits, engine: None, recipe, phase: Phase::Ready, waiting };
    thread.start();
    while let Some(event) = thread.next(events) {
        thread.on(event);
        thread.after();
    }
}

impl Thread {
    /// What happens next; `None` if nothing will. Timers fire meanwhile.
    fn next(&mut self, events: &Receiver<Event>) -> Option<Event> {
        loop {
            let now = Instant::now();
            let due = self.host.timers.borrow_mut().due(now);
            if let Some((timer, call)) = due {
                self.enter(call, "fire", &[Value::Number(f64::from(timer))]);
                self.after();
                continue;
            }
            let timer = self.host.timers.borrow().next();
            let until = match self.phase {
                Phase::Worn(until) if until <= now => {
                    self.replace();
                    continue;
                }
                Phase::Worn(until) => Some(timer.map_or(until, |timer| timer.min(until))),
                _ => timer,
            };
            let event = match until {
                Some(until) => events.recv_timeout(until.saturating_duration_since(now)),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(event) => return Some(event),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Call(incoming) => self.take(*incoming),
            Event::Done { generation, operation, answer } if generation == self.host.generation.get() => {
                let call = self.host.answered(operation).unwrap_or(0);
                let number = Value::Number(f64::from(operation));
                match answer {
                    Ok(value) => self.enter(call, "done", &[number, value]),
                    Err(failure) => {
                        let problem = Value::Text(crate::bindings::problem(&failure));
                        self.enter(call, "done", &[number, Value::Nothing, problem]);
                    }
                }
            }
            Event::Gone(call) => {
                self.waiting.retain(|waiting| waiting.id != call);
                self.host.calls.borrow_mut().abandon(call);
            }
            Event::Done { .. } | Event::Stop => {}
        }
    }

    /// Begins a call, or has it wait until there is an engine for it.
    fn take(&mut self, incoming: Incoming) {
        match &self.phase {
            Phase::Ready => self.begin(incoming),
            Phase::Broken(since, _) if since.elapsed() >= RETRY => {
                self.waiting.push_back(incoming);
                self.replace();
            }
            Phase::Broken(_, error) => {
                if let Some(reply) = incoming.reply {
                    drop(reply.send(Err(error.clone())));
                }
            }
            Phase::Worn(_) | Phase::Restoring(_) => self.waiting.push_back(incoming),
        }
    }

    fn begin(&mut self, incoming: Incoming) {
        let Incoming { id, work, reply } = incoming;
        let call = Value::Number(f64::from(id));
        let lasts = reply.is_some() && !matches!(work, Work::Hook { .. });
        let lasting = lasts.then(|| work.clone());
        let number = |count: usize| Value::Number(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        let (entry, arguments, scope) = match work {
            Work::Load { probe } => {
                let entry = self.host.reach.sources.entry().to_owned();
                ("load", vec![call, Value::Text(entry), Value::Bool(probe)], None)
            }
            Work::Make { export, config } => {
                ("make", vec![call, Value::Text(export), Value::Text(config)], None)
            }
            Work::Init { instance, storage } => {
                let storage = number(self.host.adapter(&storage));
                ("init", vec![call, Value::Number(f64::from(instance)), storage], None)
            }
            Work::Hook { instance, hook, scope, chunk } => {
                let storage = number(self.host.adapter(&scope.storage));
                let duration =
                    scope.response.as_ref().map_or(Value::Nothing, |(_, duration)| Value::Number(*duration));
                let hook = Value::Text(hook.as_str().to_owned());
                let instance = Value::Number(f64::from(instance));
                let began = Value::Number(crate::bindings::milliseconds_of(scope.call.at));
                let chunk = chunk.map_or(Value::Nothing, Value::Text);
                ("hook", vec![call, instance, hook, storage, began, duration, chunk], Some(scope))
            }
        };
        self.host.calls.borrow_mut().begin(id, Running { scope, reply, lasting });
        self.enter(id, entry, &arguments);
    }

    /// Has the engine do something for a call, and looks what came of it.
    fn enter(&mut self, call: u32, entry: &str, arguments: &[Value]) {
        let Some(engine) = &mut self.engine else {
            let error = HookError::new("the script engine cannot start");
            self.host.calls.borrow_mut().end(call, Err(error));
            return;
        };
        self.host.current.set(call);
        let stretch = engine.enter(entry, arguments);
        self.judge(call, stretch);
        self.host.current.set(0);
    }

    fn judge(&self, call: u32, stretch: Stretch) {
        let Stretch { cut, thrown, unhandled } = stretch;
        for thrown in unhandled {
            let error = self.host.error(&thrown);
            self.host.log(call, "warn", &format!("a promise was rejected and nobody looked: {error}"), None);
        }
        let Some(cut) = cut else {
            if let Some(thrown) = thrown {
                // of a timer, say: it is nobody's to catch
                let error = self.host.error(&thrown);
                self.host.log(call, "error", &format!("a script threw, and nobody caught it: {error}"), None);
                self.host.calls.borrow_mut().end(call, Err(error));
            }
            return;
        };
        let message = match cut {
            Cut::Time => format!(
                "it computed for more than {} ms without an await, and was ended",
                self.limits.stretch.as_millis()
            ),
            Cut::Memory => {
                format!("it used more than its {} MiB of memory, and was ended", self.limits.memory >> 20)
            }
        };
        let place = thrown.and_then(|thrown| self.host.place(&thrown.stack));
        let error = HookError::new(message).at(place);
        if !self.host.calls.borrow().is_running(call) {
            self.host.log(call, "error", &error.to_string(), None);
        }
        self.host.calls.borrow_mut().end(call, Err(error));
    }

    /// What has to be done between two events.
    fn after(&mut self) {
        for work in self.host.calls.borrow_mut().take_lasting() {
            self.recipe.note(work);
        }
        self.check_memory();
        if matches!(self.phase, Phase::Worn(_)) && self.host.calls.borrow().is_idle() {
            self.replace();
        }
        while matches!(self.phase, Phase::Restoring(_)) && self.restore() {}
        while matches!(self.phase, Phase::Ready) {
            let Some(incoming) = self.waiting.pop_front() else {
                break;
            };
            self.begin(incoming);
            self.check_memory();
        }
    }

    /// An engine that is nearly full is replaced before it is.
    fn check_memory(&mut self) {
        let limit = self.limits.memory / 4 * 3;
        let Some(engine) = &mut self.engine else {
            return;
        };
        if !matches!(self.phase, Phase::Ready) || engine.used_memory() <= limit {
            return;
        }
        engine.collect_garbage();
        let used = engine.used_memory();
        if used > limit {
            let message = format!(
                "its scripts keep {} MiB of their {} MiB of memory: the module is started anew",
                used >> 20,
                self.limits.memory >> 20
            );
            self.host.log(0, "warn", &message, None);
            self.phase = Phase::Worn(Instant::now() + LAST_CALLS);
        }
    }

    /// A new engine in place of what is there, and all that lasts done again.
    fn replace(&mut self) {
        let error = HookError::new("its module was started anew meanwhile");
        self.host.calls.borrow_mut().end_all(&error);
        self.start();
        if self.engine.is_some() {
            self.phase = Phase::Restoring(self.recipe.steps().cloned().collect());
            self.next_step();
        }
    }

    fn start(&mut self) {
        self.engine = None;
        self.host.renew();
        let host = Rc::clone(&self.host) as Rc<dyn engine::Host>;
        match engine::start(&host, self.limits) {
            Ok(engine) => {
                self.engine = Some(engine);
                self.phase = Phase::Ready;
            }
            Err(problem) => self.broken(HookError::new(problem)),
        }
    }

    /// Takes note of how the last step went; whether there was one that ended.
    fn restore(&mut self) -> bool {
        let ended = self.host.calls.borrow_mut().take_own();
        match ended {
            None => return false,
            Some(Ok(_)) => self.next_step(),
            Some(Err(error)) => self.broken(error),
        }
        true
    }

    fn next_step(&mut self) {
        let Phase::Restoring(steps) = &mut self.phase else {
            return;
        };
        if let Some(work) = steps.pop_front() {
            // the numbers of calls begin at 1
            self.begin(Incoming { id: 0, work, reply: None });
        } else {
            self.phase = Phase::Ready;
            self.host.log(0, "info", "the module was started anew", None);
        }
    }

    fn broken(&mut self, error: HookError) {
        self.host.log(0, "error", &format!("the module cannot be started anew: {error}"), None);
        for incoming in self.waiting.drain(..) {
            if let Some(reply) = incoming.reply {
                drop(reply.send(Err(error.clone())));
            }
        }
        self.phase = Phase::Broken(Instant::now(), error);
    }
}
