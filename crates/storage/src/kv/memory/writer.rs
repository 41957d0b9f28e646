//! The thread of an in-process store: it sweeps what is over, and brings what changed into the file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::file::KvFile;
use super::{BACKEND, Shared, State};
use crate::{ErrorKind, Result, StorageError};

/// How often what is over is swept. It is never read meanwhile, but takes room.
const SWEEP: Duration = Duration::from_secs(30);
/// How long changes wait for company: rows in one commit share its sync. With the commit itself this stays
/// below the 100 ms that a power cut may take.
const GATHER: Duration = Duration::from_millis(50);
/// How long a file that could not be written is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts the thread, which ends when the store is closed.
pub(super) fn start(shared: Arc<Shared>, file: Option<KvFile>) -> Result<()> {
    let run = move || Writer { shared, file, is_failing: false }.run();
    std::thread::Builder::new().name("penstock-kv".to_owned()).spawn(run).map(drop).map_err(|error| {
        StorageError::new(ErrorKind::Internal, BACKEND, "kv.open", "expected to start a thread")
            .with_source(error)
    })
}

struct Writer {
    shared: Arc<Shared>,
    file: Option<KvFile>,
    /// The last attempt to write failed, which was said in the log.
    is_failing: bool,
}

impl Writer {
    fn run(mut self) {
        let mut swept = Instant::now();
        let leaving = loop {
            if swept.elapsed() >= SWEEP {
                self.shared.sweep();
                swept = Instant::now();
            }
            let is_closed = self.await_work(SWEEP.saturating_sub(swept.elapsed()));
            let written = self.write();
            if is_closed {
                let leaving = std::mem::take(&mut self.shared.lock().leaving);
                break (leaving, written);
            }
        };
        // the file is closed before anybody hears that it is
        self.file = None;
        let (leaving, written) = leaving;
        let lost = written.is_err();
        let mut written = Some(written);
        for sender in leaving {
            // whoever asked may have gone
            let _ = sender.send(written.take().unwrap_or_else(|| answer(lost)));
        }
    }

    /// Waits for something to write and then for company, or for the end; whether it is the end.
    fn await_work(&self, at_most: Duration) -> bool {
        let is_urgent = |state: &State| state.is_closed || !state.waiting.is_empty();
        let idle = |state: &mut State| !is_urgent(state) && !state.table.is_touched();
        let state = self.shared.lock();
        let (state, timed_out) = self.shared.wait_while(state, at_most, idle);
        if timed_out {
            return state.is_closed;
        }
        let pause = if self.is_failing { PAUSE } else { GATHER };
        let (state, _) = self.shared.wait_while(state, pause, |state| !is_urgent(state));
        state.is_closed
    }

    /// Brings what changed into the file, and tells those who wait.
    fn write(&mut self) -> Result<()> {
        let (changes, sequence, waiting) = {
            let mut state = self.shared.lock();
            if let Some(journal) = &mut state.journal {
                journal.switch();
            }
            (state.table.take_touched(), state.sequence, std::mem::take(&mut state.waiting))
        };
        let written = match &mut self.file {
            Some(file) if !changes.is_empty() => file.write(&changes, sequence),
            _ => Ok(()),
        };
        let mut state = self.shared.lock();
        if written.is_ok() && !changes.is_empty() {
            state.is_disk_full = false;
        }
        if written.is_err() {
            state.table.touch_again(changes.into_iter().map(|(key, _)| key));
        } else if let Some(Err(error)) = state.journal.as_mut().map(super::journal::Journal::settle) {
            // its records are in the file and will be passed over; it is just not used again before it is empty
            tracing::warn!(%error, "a log of the key-value store cannot be emptied");
        }
        drop(state);
        self.tell(&written);
        for sender in waiting {
            let _ = sender.send(answer(written.is_err()));
        }
        written
    }

    fn tell(&mut self, written: &Result<()>) {
        match written {
            Err(error) if !self.is_failing => {
                tracing::error!(%error, "the key-value store cannot be written; its log goes on");
            }
            Ok(()) if self.is_failing => tracing::info!("the key-value store is written again"),
            _ => {}
        }
        self.is_failing = written.is_err();
    }
}

fn answer(failed: bool) -> Result<()> {
    if failed {
        let message = "the file could not be written, as the log says";
        return Err(StorageError::new(ErrorKind::Unavailable, BACKEND, "kv.flush", message));
    }
    Ok(())
}

impl Shared {
    pub(super) fn sweep(&self) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.table.sweep(now);
        // said again only after there was room to speak of: a store at its limit is one incident
        if state.is_full && state.table.bytes() < state.table.limit() / 10 * 9 {
            state.is_full = false;
        }
    }

    fn wait_while<'a>(
        &self,
        state: std::sync::MutexGuard<'a, State>,
        at_most: Duration,
        condition: impl FnMut(&mut State) -> bool,
    ) -> (std::sync::MutexGuard<'a, State>, bool) {
        let waited = self.wake.wait_timeout_while(state, at_most, condition);
        let (state, result) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        (state, result.timed_out())
    }
}
