//! Where scripts run: on a thread of their own, or on that of whoever calls them.
//!
//! To wake a thread and be woken by it costs more than most hooks do. So a call that finds the engine free enters it
//! where it is, if what these scripts do is short; all else is left to their thread, which also has their timers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Instant;

use super::event::Event;
use super::scripts::Scripts;

/// What a thread of scripts shares with those that call them.
pub(super) struct Shared {
    scripts: Mutex<Scripts>,
    events: Sender<Event>,
    /// How many events their thread has not taken so far.
    queued: AtomicUsize,
    /// Whether those who call may enter: their runtime has other threads.
    may_enter: bool,
}

impl Shared {
    pub(super) fn new(scripts: Scripts, events: Sender<Event>, may_enter: bool) -> Self {
        Self { scripts: Mutex::new(scripts), events, queued: AtomicUsize::new(0), may_enter }
    }

    /// Has an event seen to, here and now or soon. Fails if the thread has ended.
    pub(super) fn deliver(&self, event: Event) -> Result<(), Ended> {
        let is_next = self.may_enter && event.may_enter() && self.queued.load(Ordering::Relaxed) == 0;
        let Some(mut scripts) = is_next.then(|| self.free()).flatten() else {
            return self.send(event);
        };
        let has_to_look = scripts.lend(event);
        drop(scripts);
        if has_to_look { self.send(Event::Look) } else { Ok(()) }
    }

    /// Leaves an event to the thread.
    pub(super) fn send(&self, event: Event) -> Result<(), Ended> {
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.events.send(event).map_err(|_| Ended)
    }

    /// The scripts, if nobody has them and they are quick.
    fn free(&self) -> Option<MutexGuard<'_, Scripts>> {
        let mut scripts = match self.scripts.try_lock() {
            Ok(scripts) => scripts,
            Err(TryLockError::Poisoned(_)) => self.lock(),
            Err(TryLockError::WouldBlock) => return None,
        };
        scripts.are_quick().then_some(scripts)
    }

    /// The scripts. If whoever had them last panicked, they are started anew.
    fn lock(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(|poisoned| {
            self.scripts.clear_poison();
            let mut scripts = poisoned.into_inner();
            scripts.replace();
            scripts
        })
    }

    /// What comes before that time; `None` if nothing will come any more.
    fn next(&self, events: &Receiver<Event>, until: Option<Instant>) -> Option<Event> {
        let event = match until {
            Some(until) => events.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => events.recv().map_err(RecvTimeoutError::from),
        };
        match event {
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => None,
            Ok(event) => {
                self.queued.fetch_sub(1, Ordering::Relaxed);
                Some(event)
            }
            Err(RecvTimeoutError::Timeout) => Some(Event::Look),
        }
    }
}

/// The thread has ended.
#[derive(Debug)]
pub(super) struct Ended;

/// The life of a thread of scripts: until nobody wants anything any more.
pub(super) fn run(shared: &Arc<Shared>, events: &Receiver<Event>) {
    shared.lock().start();
    loop {
        let until = shared.lock().tend();
        let Some(event) = shared.next(events, until) else {
            break;
        };
        shared.lock().on(event);
    }
    shared.lock().end();
}
