//! Writes to the control store what requests handed in for the logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use penstock_control::journal::Journal;
use penstock_control::{ControlStore, LiveSnapshot};
use penstock_storage::StorageAdapter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{DROPPED, Logs, Row, rows, settings};

/// Rows of one batch at the most.
const BATCH: usize = 500;
/// How long a first row waits for company.
const GATHER: Duration = Duration::from_millis(200);
/// How long to wait after a failure; doubled up to the cap.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_CAP: Duration = Duration::from_secs(5);

/// What the task works with.
#[derive(Debug)]
pub struct Parts {
    /// Where the rows go.
    pub store: Arc<dyn ControlStore>,
    /// What logs give way to when it is full, if its policy says so.
    pub journal: Arc<Journal>,
    /// Where large bodies go.
    pub storage: StorageAdapter,
    /// Where the settings are.
    pub live: Arc<LiveSnapshot>,
    /// Whose settings hold.
    pub instance: Arc<str>,
}

/// The task.
#[derive(Debug)]
pub struct Recorder {
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts the task.
    pub fn start(parts: Parts) -> (Logs, Self) {
        let (queue, rows) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let logs = Logs {
            queue,
            waiting: Arc::clone(&waiting),
            live: Arc::clone(&parts.live),
            instance: Arc::clone(&parts.instance),
        };
        (logs, Self { task: tokio::spawn(run(parts, rows, waiting)) })
    }

    /// Waits until everything handed in is written, once all handles are gone; at most `deadline`.
    pub async fn finish(self, deadline: Duration) -> bool {
        let abort = self.task.abort_handle();
        let finished = tokio::time::timeout(deadline, self.task).await.is_ok();
        abort.abort();
        finished
    }
}

async fn run(parts: Parts, mut queue: mpsc::UnboundedReceiver<Row>, waiting: Arc<AtomicUsize>) {
    while let Some(first) = queue.recv().await {
        tokio::time::sleep(GATHER).await;
        let mut next = Some(first);
        while let Some(row) = next {
            let mut rows = vec![row];
            while rows.len() < BATCH
                && let Ok(row) = queue.try_recv()
            {
                rows.push(row);
            }
            let held = rows.iter().map(Row::size).sum();
            write(&parts, rows).await;
            waiting.fetch_sub(held, Ordering::Relaxed);
            next = queue.try_recv().ok();
        }
    }
}

/// Writes a batch, however often it takes, unless the journal needs the room more.
async fn write(parts: &Parts, rows: Vec<Row>) {
    let number = rows.len() as u64;
    if parts.journal.drops_logs() {
        return give_up(number);
    }
    let names = redacted(&parts.live, &parts.instance);
    let batch = rows::of(rows, &names, &parts.storage).await;
    let mut wait = RETRY;
    let mut incident = false;
    while let Err(error) = parts.store.record(&batch).await {
        if !std::mem::replace(&mut incident, true) {
            tracing::error!(%error, rows = number, "logs of requests wait for the control store");
        }
        if parts.journal.drops_logs() {
            return give_up(number);
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_CAP);
    }
    if incident {
        tracing::info!(rows = number, "logs of requests are written again");
    }
}

fn give_up(rows: u64) {
    metrics::counter!(DROPPED).increment(rows);
}

/// The names of what the settings leave out.
fn redacted(live: &LiveSnapshot, instance: &str) -> Vec<String> {
    let current = live.current();
    let listed = settings(&current, instance).and_then(|settings| settings.redaction.as_ref()?.as_array());
    let names = listed.into_iter().flatten().filter_map(|name| name.as_str());
    names.map(str::to_owned).collect()
}
