//! The calls that a thread has.

use std::collections::{HashMap, VecDeque};

use penstock_pipeline::HookError;
use tokio::sync::oneshot;

use super::event::{Outcome, Scope, Work};

/// The calls that are not answered, and those of late that nobody waited for.
#[derive(Default)]
pub(super) struct Calls {
    running: HashMap<u32, Running>,
    abandoned: VecDeque<(u32, u32)>,
    /// How the thread's own last call ended.
    own: Option<Result<Outcome, HookError>>,
    /// Work that was done and lasts.
    lasting: Vec<Work>,
}

/// A call that is not answered.
pub(super) struct Running {
    pub(super) scope: Option<Box<Scope>>,
    pub(super) reply: Option<oneshot::Sender<Result<Outcome, HookError>>>,
    /// The work, if what comes of it lasts.
    pub(super) lasting: Option<Work>,
}

/// How much a hook may still ask for when nobody waits for it: to end well, and not for ever.
const AFTERWARDS: u32 = 100;

/// How many such hooks are remembered.
const REMEMBERED: usize = 1_000;

impl Calls {
    pub(super) fn begin(&mut self, id: u32, running: Running) {
        self.running.insert(id, running);
    }

    /// What the hook of that call looks at, while it runs.
    pub(super) fn scope(&self, id: u32) -> Option<&Scope> {
        self.running.get(&id)?.scope.as_deref()
    }

    /// Ends a call; the first end counts.
    pub(super) fn end(&mut self, id: u32, outcome: Result<Outcome, HookError>) {
        let Some(running) = self.running.remove(&id) else {
            return;
        };
        self.lasting.extend(running.lasting.filter(|_| outcome.is_ok()));
        match running.reply {
            // if nobody waits it was called off, and that will be heard of
            Some(reply) => drop(reply.send(outcome)),
            None => self.own = Some(outcome),
        }
    }

    /// Whether that call is not answered.
    pub(super) fn is_running(&self, id: u32) -> bool {
        self.running.contains_key(&id)
    }

    /// Whether nobody waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// How the thread's own call ended.
    pub(super) fn take_own(&mut self) -> Option<Result<Outcome, HookError>> {
        self.own.take()
    }

    /// Work that was done since this was last asked, and lasts.
    pub(super) fn take_lasting(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.lasting)
    }

    /// Ends all of them.
    pub(super) fn end_all(&mut self, error: &HookError) {
        for (_, running) in self.running.drain() {
            if let Some(reply) = running.reply {
                drop(reply.send(Err(error.clone())));
            }
        }
        self.abandoned.clear();
        self.own = None;
    }

    /// Nobody waits for that call.
    pub(super) fn abandon(&mut self, id: u32) {
        if self.running.remove(&id).is_some() {
            self.abandoned.push_back((id, AFTERWARDS));
            if self.abandoned.len() > REMEMBERED {
                self.abandoned.pop_front();
            }
        }
    }

    /// Whether the hook of that call may go on asking for things. Each time counts.
    pub(super) fn may_go_on(&mut self, id: u32) -> bool {
        match self.abandoned.iter_mut().find(|(known, _)| *known == id) {
            Some((_, left)) => {
                *left = left.saturating_sub(1);
                *left > 0
            }
            None => true,
        }
    }
}
