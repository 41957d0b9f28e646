//! The one thread that writes: it gathers what is asked at the same time into one record of the log, and has the
//! tables written when the log has grown.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::change::Lines;
use super::folder::Lock;
use super::memory::Memory;
use super::redo::Redo;
use super::tables;
use crate::ControlError;
use crate::backend::{Guard, Write, Written};

/// When the tables are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Bytes of the log at the least. It also has to be as long as the tables, so that to write them costs no more
    /// than a few times what was written anyway.
    pub(crate) log: u64,
    /// Between two times, however short the log is, so that the files are soon what the store is.
    pub(crate) pause: Duration,
    /// Pauses are so many times as long as the last time took, at the least.
    pub(crate) ease: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { log: 16 << 20, pause: Duration::from_mins(1), ease: 50 }
    }
}

/// Bytes of one record, about: more waits for the next.
const GATHERED: usize = 8 << 20;

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Request {
    Write(Option<Guard>, Vec<Write>, oneshot::Sender<Result<Written, ControlError>>),
    /// To write the tables now, and be done with the log.
    Settle(oneshot::Sender<Result<(), ControlError>>),
    /// The same if anything was written, and to end.
    Close(oneshot::Sender<Result<(), ControlError>>),
    /// To end as it is.
    Abandon,
    /// The tables were written, or not.
    Written,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) folder: PathBuf,
    pub(super) pace: Pace,
    pub(super) memory: Memory,
    pub(super) published: Arc<ArcSwap<Memory>>,
    pub(super) redo: Redo,
    /// Tables that are not on the disk as they are.
    pub(super) changed: BTreeSet<&'static str>,
    /// To itself, from those who write tables.
    pub(super) itself: Sender<Request>,
    /// Given back when nothing is written any more.
    pub(super) lock: Lock,
}

/// Tables that are being written.
struct Writing {
    tables: BTreeSet<&'static str>,
    begun: Instant,
    thread: JoinHandle<io::Result<()>>,
}

/// What a run of the thread keeps in mind.
struct Running {
    writer: Writer,
    writing: Option<Writing>,
    /// Whether this process has written anything.
    has_written: bool,
    /// When the tables may be written again.
    next: Instant,
    tables: u64,
}

impl Writer {
    /// Runs until it is closed, or nobody is there any more who could ask.
    pub(super) fn run(self, requests: &Receiver<Request>) {
        let next = Instant::now() + self.pace.pause;
        let tables = tables::bytes(&self.folder);
        let mut running = Running { writer: self, writing: None, has_written: false, next, tables };
        while running.turn(requests) {}
        running.join();
        drop(running.writer.lock);
    }
}

impl Running {
    /// Whether there is more to do.
    fn turn(&mut self, requests: &Receiver<Request>) -> bool {
        let first = match requests.recv_timeout(self.patience()) {
            Ok(request) => request,
            Err(RecvTimeoutError::Timeout) => {
                self.write_tables_if_due();
                return true;
            }
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        let mut gathered = Gathered::default();
        let mut last = None;
        for request in std::iter::once(first).chain(std::iter::from_fn(|| requests.try_recv().ok())) {
            match request {
                Request::Write(guard, writes, answer) => self.take(guard, writes, answer, &mut gathered),
                other => {
                    last = Some(other);
                    break;
                }
            }
            if gathered.lines.text.len() > GATHERED {
                break;
            }
        }
        self.keep(gathered);
        match last {
            None => self.write_tables_if_due(),
            Some(Request::Written) => {
                self.join();
                self.write_tables_if_due();
            }
            Some(Request::Settle(answer)) => drop(answer.send(self.settle())),
            Some(Request::Close(answer)) => {
                self.join();
                let outcome = if self.has_written { self.settle() } else { Ok(()) };
                drop(answer.send(outcome));
                return false;
            }
            Some(Request::Abandon) => return false,
            Some(Request::Write(..)) => {}
        }
        true
    }

    /// Until the tables are to be written, if nothing else happens.
    fn patience(&self) -> Duration {
        let is_idle = self.writer.changed.is_empty() || self.writing.is_some();
        if is_idle { Duration::from_hours(1) } else { self.next.saturating_duration_since(Instant::now()) }
    }

    /// Does a write in memory.
    fn take(
        &mut self,
        guard: Option<Guard>,
        writes: Vec<Write>,
        answer: oneshot::Sender<Result<Written, ControlError>>,
        gathered: &mut Gathered,
    ) {
        let mut memory = gathered.memory.as_ref().unwrap_or(&self.writer.memory).clone();
        let mut lines = Lines::default();
        match memory.apply(guard, writes, &mut lines) {
            Ok(Written::Done) => {
                gathered.memory = Some(memory);
                gathered.lines.text.append(&mut lines.text);
                gathered.lines.tables.append(&mut lines.tables);
                gathered.answers.push(answer);
            }
            refused => drop(answer.send(refused)),
        }
    }

    /// Brings what was done in memory to the disk, and only then lets anybody see it.
    fn keep(&mut self, gathered: Gathered) {
        let Some(memory) = gathered.memory else { return };
        let writer = &mut self.writer;
        let kept = match gathered.lines.text.as_slice() {
            [] => Ok(()),
            lines => writer.redo.append(lines),
        };
        if kept.is_ok() {
            self.has_written |= !gathered.lines.text.is_empty();
            writer.changed.extend(gathered.lines.tables);
            writer.published.store(Arc::new(memory.clone()));
            writer.memory = memory;
        }
        for answer in gathered.answers {
            let outcome = kept.as_ref().map(|()| Written::Done);
            drop(answer.send(outcome.map_err(|error| writer.unavailable(error))));
        }
    }

    fn write_tables_if_due(&mut self) {
        let writer = &self.writer;
        if self.writing.is_some() || writer.changed.is_empty() {
            return;
        }
        let is_late = Instant::now() >= self.next;
        // both: neither is the log to grow forever, nor is a small one to cost large tables
        let is_long = writer.redo.bytes() >= writer.pace.log.max(self.tables);
        if is_late || is_long {
            match self.begin() {
                Ok(writing) => self.writing = Some(writing),
                Err(error) => self.put_off(&error),
            }
        }
    }

    /// Has the tables written as they are now, while writes go on into the next file of the log.
    fn begin(&mut self) -> io::Result<Writing> {
        let writer = &mut self.writer;
        let before = writer.redo.turn()?;
        super::stage::stage("when the next log is begun");
        let tables = std::mem::take(&mut writer.changed);
        let (folder, memory) = (writer.folder.clone(), writer.memory.clone());
        let (wanted, done) = (tables.clone(), writer.itself.clone());
        let thread = std::thread::Builder::new().name("control-tables".to_owned()).spawn(move || {
            let outcome =
                tables::write(&folder, &memory, &wanted).and_then(|()| Redo::forget(&folder, before));
            drop(done.send(Request::Written));
            outcome
        });
        match thread {
            Ok(thread) => Ok(Writing { tables, begun: Instant::now(), thread }),
            Err(error) => {
                writer.changed = tables;
                Err(error)
            }
        }
    }

    /// Waits until the tables are written, if they are being.
    fn join(&mut self) -> Option<io::Result<()>> {
        let Writing { tables, begun, thread } = self.writing.take()?;
        let outcome = thread.join().unwrap_or_else(|_| Err(io::Error::other("the tables were not written")));
        self.next = Instant::now() + self.writer.pace.pause.max(begun.elapsed() * self.writer.pace.ease);
        match &outcome {
            Ok(()) => {
                self.writer.redo.forgotten();
                self.tables = tables::bytes(&self.writer.folder);
            }
            Err(error) => {
                self.writer.changed.extend(tables);
                self.put_off(error);
            }
        }
        Some(outcome)
    }

    /// Nothing is lost: the log has it all, and goes on.
    fn put_off(&mut self, error: &io::Error) {
        self.next = Instant::now() + self.writer.pace.pause;
        tracing::error!(
            folder = %self.writer.folder.display(), %error,
            "the control store's tables cannot be written: its log grows until they can"
        );
    }

    fn settle(&mut self) -> Result<(), ControlError> {
        self.join();
        let begun = self.begin().map_err(|error| self.writer.unavailable(&error))?;
        self.writing = Some(begun);
        self.join().unwrap_or(Ok(())).map_err(|error| self.writer.unavailable(&error))
    }
}

impl Writer {
    fn unavailable(&self, error: &io::Error) -> ControlError {
        ControlError::Unavailable(format!("{}: {error}", self.folder.display()))
    }
}

/// Writes that are to be one record.
#[derive(Default)]
struct Gathered {
    /// The rows after them.
    memory: Option<Memory>,
    lines: Lines,
    answers: Vec<oneshot::Sender<Result<Written, ControlError>>>,
}
