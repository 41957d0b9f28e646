//! The control store in a folder of JSON files, one for each table, for a single gateway without a database.
//!
//! All rows are in memory, and reads touch nothing else. A write is a record of the [redo log](redo), which is on the
//! disk before anybody hears of it; the log is the truth until a checkpoint has brought the tables to their files.
//! What is in the log may be read over files that have some of it already, so that it does not matter between which
//! two of them a process ends.

mod change;
mod folder;
mod json;
mod memory;
mod record;
mod redo;
mod replace;
mod scan;
mod stage;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use penstock_core::{Clock as _, SystemClock};
use tokio::sync::{OnceCell, oneshot};
use tokio::time::Instant;

use self::folder::{Found, Lock};
use self::memory::Memory;
use self::redo::Redo;
pub(crate) use self::writer::Pace;
use self::writer::{Request, Writer};
use crate::ControlError;
use crate::backend::{Backend, Guard, Select, Write, Written};
use crate::ledger::{Meta, Migration};
use crate::store::{SCHEMA, first_rows};
use crate::table::{Entity as _, Row, Table};

/// How long another process may have the folder: a command that is about to end.
const PATIENCE: Duration = Duration::from_secs(3);
/// Before the next look.
const PAUSE: Duration = Duration::from_millis(25);

/// Rows in a folder.
#[derive(Debug)]
pub(crate) struct FileBackend {
    folder: PathBuf,
    pace: Pace,
    opened: OnceCell<Opened>,
}

/// A folder that this process has.
#[derive(Debug)]
struct Opened {
    rows: Arc<ArcSwap<Memory>>,
    requests: Sender<Request>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl FileBackend {
    /// Rows in that folder, which is opened when it is needed.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self::paced(folder, Pace::default())
    }

    /// The same, with tables written at another pace.
    pub(crate) fn paced(folder: PathBuf, pace: Pace) -> Self {
        Self { folder, pace, opened: OnceCell::new() }
    }

    async fn opened(&self) -> Result<&Opened, ControlError> {
        self.opened.get_or_try_init(|| self.open(true)).await
    }

    /// Takes the folder and reads what is in it; `make` says whether it may be made.
    async fn open(&self, make: bool) -> Result<Opened, ControlError> {
        let lock = take(&self.folder, make).await?;
        let (folder, pace) = (self.folder.clone(), self.pace);
        let opened = blocking(move || Opened::read(folder, pace, lock)).await?;
        opened.complete().await?;
        Ok(opened)
    }
}

/// Takes the folder for this process, and waits a little for another that has it.
async fn take(folder: &Path, make: bool) -> Result<Lock, ControlError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let place = folder.to_owned();
        let taken = blocking(move || {
            let unavailable = |error| ControlError::Unavailable(format!("{}: {error}", place.display()));
            // before anything is made in it
            folder::look(&place)?;
            if make {
                folder::make(&place).map_err(unavailable)?;
            }
            folder::lock(&place).map_err(unavailable)
        });
        if let Some(lock) = taken.await? {
            return Ok(lock);
        }
        if Instant::now() >= until {
            return Err(ControlError::Unavailable(format!(
                "another process has {}, which one may have at a time: stop the gateway for this, or ask the gateway \
                 (/admin/v1)",
                folder.display()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ControlError> + Send + 'static,
) -> Result<T, ControlError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ControlError::Unavailable(error.to_string())))
}

impl Opened {
    fn read(folder: PathBuf, pace: Pace, lock: Lock) -> Result<Self, ControlError> {
        let unavailable = |error| ControlError::Unavailable(format!("{}: {error}", folder.display()));
        if folder::look(&folder)? == Found::Nothing {
            // first, since what is in a folder without it is another's
            folder::stamp(&folder).map_err(unavailable)?;
        }
        let mut memory = tables::read(&folder)?;
        let mut changed = BTreeSet::new();
        let redo = Redo::read(&folder, &mut memory, &mut changed)?;
        let rows = Arc::new(ArcSwap::from_pointee(memory.clone()));
        let (requests, receiver) = channel();
        let (published, itself) = (Arc::clone(&rows), requests.clone());
        let spawn = std::thread::Builder::new().name("control-store".to_owned());
        let place = folder.clone();
        let writer = Writer { folder, pace, memory, published, redo, changed, itself, lock };
        let writer = spawn.spawn(move || writer.run(&receiver));
        let writer = writer
            .map_err(|error| ControlError::Unavailable(format!("{}: no thread: {error}", place.display())))?;
        Ok(Self { rows, requests, writer: Mutex::new(Some(writer)) })
    }

    /// Makes the counters of a new store, also if a first start was cut before they were.
    async fn complete(&self) -> Result<(), ControlError> {
        if self.rows.load().of(Meta::table()).rows.len() > 0 {
            return Ok(());
        }
        let first = Migration { number: SCHEMA, name: "first".to_owned(), applied_at: SystemClock.now() };
        let writes =
            vec![Write::Put(Meta::table(), first_rows()), Write::Put(Migration::table(), vec![first.row()])];
        self.ask(|answer| Request::Write(None, writes, answer)).await.map(drop)
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, ControlError>>) -> Request,
    ) -> Result<T, ControlError> {
        let closed = || ControlError::Unavailable("it was closed".to_owned());
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // it holds one end of the channel itself, and would wait forever
        drop(self.requests.send(Request::Abandon));
    }
}

#[async_trait]
impl Backend for FileBackend {
    async fn prepare(&self) -> Result<(), ControlError> {
        self.opened().await.map(drop)
    }

    async fn is_there(&self) -> Result<bool, ControlError> {
        let folder = self.folder.clone();
        if blocking(move || folder::look(&folder)).await? == Found::Nothing {
            return Ok(false);
        }
        self.opened.get_or_try_init(|| self.open(false)).await.map(|_| true)
    }

    async fn read(&self, selections: &[Select]) -> Result<Vec<Vec<Row>>, ControlError> {
        let memory = self.opened().await?.rows.load_full();
        if !selections.iter().any(|select| scan::is_long(&memory, select)) {
            return Ok(selections.iter().map(|select| scan::select(&memory, select)).collect());
        }
        let selections = selections.to_vec();
        blocking(move || Ok(selections.iter().map(|select| scan::select(&memory, select)).collect())).await
    }

    async fn write(&self, guard: Option<Guard>, writes: Vec<Write>) -> Result<Written, ControlError> {
        self.opened().await?.ask(|answer| Request::Write(guard, writes, answer)).await
    }

    async fn size(&self) -> Result<u64, ControlError> {
        let folder = self.folder.clone();
        blocking(move || {
            let unavailable = |error| ControlError::Unavailable(format!("{}: {error}", folder.display()));
            let mut bytes = 0;
            for file in std::fs::read_dir(&folder).map_err(unavailable)?.flatten() {
                // one that a checkpoint replaces meanwhile is not there any more
                bytes += file.metadata().map_or(0, |found| found.len());
            }
            Ok(bytes)
        })
        .await
    }

    async fn scrub(&self, _: &[&'static Table]) -> Result<(), ControlError> {
        // what has changed is written anew whole, and what has not holds nothing that it should not
        self.opened().await?.ask(Request::Settle).await
    }

    async fn close(&self) -> Result<(), ControlError> {
        let Some(opened) = self.opened.get() else { return Ok(()) };
        let Some(writer) = opened.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let closed = opened.ask(Request::Close).await;
        // the folder is another's to take when this returns
        drop(tokio::task::spawn_blocking(move || writer.join()).await);
        closed
    }
}
