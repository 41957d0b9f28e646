//! The scripts of one file, with the engine that they run in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use penstock_pipeline::HookError;

use super::calls::Running;
use super::event::{Event, Incoming, Work};
use super::reach::{Reach, ThreadHost};
use super::recipe::Recipe;
use crate::engine::{self, Cut, Engine, Limits, Stretch, Value};
use crate::options::ScriptOptions;

/// How long an engine whose memory is used up waits for the hooks in it to end, before it is replaced.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// How long a file that could not be read again is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// What a stretch may take on a thread that others wait for.
const SHORT: Duration = Duration::from_millis(1);

/// How many times as long as a stretch that took more scripts stay on their own thread after it: what they take of the
/// threads of others is a hundredth at most, and one collection of garbage is soon forgotten.
const KEPT: u32 = 100;

/// What the scripts of a file are at.
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

/// The scripts of one file. Whoever has them to itself may enter their engine.
pub(super) struct Scripts {
    host: Arc<ThreadHost>,
    limits: Limits,
    engine: Option<Box<dyn Engine>>,
    recipe: Recipe,
    phase: Phase,
    /// Calls that have to wait.
    waiting: VecDeque<Incoming>,
    /// When their thread looks at them next, if nothing happens before.
    alarm: Option<Instant>,
    /// Until when only their own thread may enter them: some stretch of late was a long one.
    kept_until: Option<Instant>,
}

impl Scripts {
    /// Without an engine so far.
    pub(super) fn new(reach: Reach) -> Self {
        let ScriptOptions { memory, stretch, .. } = reach.options;
        Self {
            host: Arc::new(ThreadHost::new(reach)),
            limits: Limits { memory, stretch, short: SHORT },
            engine: None,
            recipe: Recipe::default(),
            phase: Phase::Ready,
            waiting: VecDeque::new(),
            alarm: None,
            kept_until: None,
        }
    }

    /// Whether a thread may enter them that others wait for.
    pub(super) fn are_quick(&mut self) -> bool {
        if self.kept_until.is_some_and(|until| until <= Instant::now()) {
            self.kept_until = None;
        }
        self.kept_until.is_none() && self.engine.is_some() && matches!(self.phase, Phase::Ready)
    }

    /// Sees to an event on a thread that others wait for; whether their own thread has to look at them now.
    pub(super) fn lend(&mut self, event: Event) -> bool {
        self.host.is_lent.store(true, Ordering::Relaxed);
        self.on(event);
        self.host.is_lent.store(false, Ordering::Relaxed);
        self.note();
        let next = self.next();
        !matches!(self.phase, Phase::Ready) || next.is_some_and(|next| self.alarm.is_none_or(|at| next < at))
    }

    /// What has to be done between two events, and when the time has come for it. Returns when to look again.
    pub(super) fn tend(&mut self) -> Option<Instant> {
        loop {
            self.after();
            let now = Instant::now();
            let due = self.host.timers().due(now);
            if let Some((timer, call)) = due {
                self.enter(call, "fire", &[Value::Number(f64::from(timer))]);
            } else if matches!(self.phase, Phase::Worn(until) if until <= now) {
                self.replace();
            } else {
                self.alarm = self.next();
                return self.alarm;
            }
        }
    }

    /// When the next thing happens by itself.
    fn next(&self) -> Option<Instant> {
        let timer = self.host.timers().next();
        match self.phase {
            Phase::Worn(until) => Some(timer.map_or(until, |timer| timer.min(until))),
            _ => timer,
        }
    }

    /// Nobody will call again.
    pub(super) fn end(&mut self) {
        self.engine = None;
        self.host.renew();
        self.host.calls().end_all(&HookError::new("the thread of its scripts has ended"));
        self.waiting.clear();
    }

    /// Sees to an event.
    pub(super) fn on(&mut self, event: Event) {
        match event {
            Event::Call(incoming) => self.take(*incoming),
            Event::Done { generation, operation, answer } if generation == self.host.generation() => {
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
                self.host.calls().abandon(call);
            }
            Event::Done { .. } | Event::Look | Event::Stop => {}
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
        self.host.calls().begin(id, Running { scope, reply, lasting });
        self.enter(id, entry, &arguments);
    }

    /// Has the engine do something for a call, and looks what came of it.
    fn enter(&mut self, call: u32, entry: &str, arguments: &[Value]) {
        let Some(engine) = &mut self.engine else {
            let error = HookError::new("the script engine cannot start");
            self.host.calls().end(call, Err(error));
            return;
        };
        self.host.works_for(call);
        let stretch = engine.enter(entry, arguments);
        self.judge(call, stretch);
        self.host.works_for(0);
    }

    fn judge(&mut self, call: u32, stretch: Stretch) {
        let Stretch { cut, thrown, unhandled, long } = stretch;
        if let Some(took) = long {
            self.kept_until = Some(Instant::now() + took * KEPT);
        }
        for thrown in unhandled {
            let error = self.host.error(&thrown);
            self.host.log(call, "warn", &format!("a promise was rejected and nobody looked: {error}"), None);
        }
        let Some(cut) = cut else {
            if let Some(thrown) = thrown {
                // of a timer, say: it is nobody's to catch
                let error = self.host.error(&thrown);
                self.host.log(call, "error", &format!("a script threw, and nobody caught it: {error}"), None);
                self.host.calls().end(call, Err(error));
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
        if !self.host.calls().is_running(call) {
            self.host.log(call, "error", &error.to_string(), None);
        }
        self.host.calls().end(call, Err(error));
    }

    /// What came of an event that lasts.
    fn note(&mut self) {
        let lasting = self.host.calls().take_lasting();
        for work in lasting {
            self.recipe.note(work);
        }
        self.check_memory();
    }

    fn after(&mut self) {
        self.note();
        if matches!(self.phase, Phase::Worn(_)) && self.host.calls().is_idle() {
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
    pub(super) fn replace(&mut self) {
        let error = HookError::new("its module was started anew meanwhile");
        self.host.calls().end_all(&error);
        self.start();
        if self.engine.is_some() {
            self.phase = Phase::Restoring(self.recipe.steps().cloned().collect());
            self.next_step();
        }
    }

    /// A new engine.
    pub(super) fn start(&mut self) {
        self.engine = None;
        self.host.renew();
        let host = Arc::clone(&self.host) as Arc<dyn engine::Host>;
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
        let ended = self.host.calls().take_own();
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
