//! Applies settlements to the control store in batches, behind the requests.
//!
//! It does so on a thread of its own that gives way to those of requests: a batch of rows is some milliseconds of
//! work, which whoever is being answered must not wait for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::journal::{Journal, Ticket};
use crate::{ControlError, ControlStore, Settlement, background};

/// How long a first settlement waits for company: rows in one transaction share its cost, above all that of the
/// pages of indexes, which each transaction writes anew.
const GATHER: Duration = Duration::from_millis(200);
/// How long to wait after a failure; doubled up to the cap.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_CAP: Duration = Duration::from_secs(5);
/// How long the oldest settlement waits that the store would not take.
const OLDEST: &str = "penstock_journal_oldest_pending_seconds";

/// Where finished requests hand in what they owe.
#[derive(Clone, Debug)]
pub struct SettlerHandle {
    queue: mpsc::UnboundedSender<Pending>,
}

#[derive(Debug)]
struct Pending {
    settlement: Settlement,
    ticket: Ticket,
    since: Instant,
}

impl SettlerHandle {
    /// Hands in a settlement. It never blocks: the journal has it already.
    pub fn submit(&self, settlement: Settlement, ticket: Ticket) {
        if self.queue.send(Pending { settlement, ticket, since: Instant::now() }).is_err() {
            // the settler is gone, the process is ending, and the journal will replay this one
            tracing::debug!("a settlement came after the settler had stopped");
        }
    }
}

/// What applies them, once it is started.
pub struct Settler {
    store: Arc<dyn ControlStore>,
    journal: Arc<Journal>,
    pending: mpsc::UnboundedReceiver<Pending>,
}

impl Settler {
    /// Rows of one transaction at the most.
    pub const BATCH: usize = 2_000;

    /// A settler, and where to hand in what it is to apply.
    pub fn new(store: Arc<dyn ControlStore>, journal: Arc<Journal>) -> (SettlerHandle, Self) {
        let (queue, pending) = mpsc::unbounded_channel();
        (SettlerHandle { queue }, Self { store, journal, pending })
    }

    /// Starts its thread. What is asked of the store runs on the runtime that this is called in.
    pub fn start(self) -> io::Result<SettlerThread> {
        let Self { store, journal, pending } = self;
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel::<()>();
        let runtime = Handle::current();
        std::thread::Builder::new().name("settler".to_owned()).spawn(move || {
            background::give_way();
            runtime.block_on(async {
                tokio::select! {
                    () = run(store, journal, pending) => {}
                    // what is not applied is in the journal
                    _ = stopped => {}
                }
            });
            drop(end);
        })?;
        Ok(SettlerThread { _stop: stop, ended })
    }
}

impl std::fmt::Debug for Settler {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Settler").finish_non_exhaustive()
    }
}

/// A settler at work. It stops when this is dropped.
#[derive(Debug)]
pub struct SettlerThread {
    _stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl SettlerThread {
    /// Waits until everything handed in is applied, once all handles are gone; at most `deadline`.
    /// True if nothing is left over (what is left stays in the journal).
    pub async fn finish(self, deadline: Duration) -> bool {
        let Self { _stop, ended } = self;
        // nothing is ever sent: the other end is dropped when all is done
        tokio::time::timeout(deadline, ended).await.is_ok()
    }
}

/// Applies settlements, however many they are, in transactions of the usual size: a database takes only so much at a
/// time. After an error all of them are safe to bring again.
pub async fn settle_in_batches(
    store: &dyn ControlStore,
    settlements: &[Settlement],
) -> Result<(), ControlError> {
    for batch in settlements.chunks(Settler::BATCH) {
        store.settle(batch).await?;
    }
    Ok(())
}

async fn run(
    store: Arc<dyn ControlStore>,
    journal: Arc<Journal>,
    mut queue: mpsc::UnboundedReceiver<Pending>,
) {
    let mut batch = Vec::with_capacity(Settler::BATCH);
    while let Some(first) = queue.recv().await {
        batch.push(first);
        // nobody listens meanwhile, so that handing in a settlement wakes no one
        tokio::time::sleep(GATHER).await;
        loop {
            while batch.len() < Settler::BATCH
                && let Ok(pending) = queue.try_recv()
            {
                batch.push(pending);
            }
            let is_full = batch.len() == Settler::BATCH;
            if !batch.is_empty() {
                apply(store.as_ref(), &journal, &mut batch).await;
            }
            if !is_full {
                // what came meanwhile waits for company as well, else each transaction would be as small as the
                // one before it was short
                break;
            }
        }
        metrics::gauge!(OLDEST).set(0.0);
    }
}

/// Applies a batch, however often it takes: nothing else may be done with it.
async fn apply(store: &dyn ControlStore, journal: &Journal, batch: &mut Vec<Pending>) {
    let oldest = batch.first().map_or_else(Instant::now, |pending| pending.since);
    let (settlements, tickets): (Vec<_>, Vec<_>) =
        batch.drain(..).map(|pending| (pending.settlement, pending.ticket)).unzip();
    let mut wait = RETRY;
    let mut incident = false;
    while let Err(error) = store.settle(&settlements).await {
        metrics::counter!("penstock_settle_failures_total").increment(1);
        metrics::gauge!(OLDEST).set(oldest.elapsed().as_secs_f64());
        if !std::mem::replace(&mut incident, true) {
            tracing::error!(%error, rows = settlements.len(), "settlements wait in the journal");
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_CAP);
    }
    if incident {
        tracing::info!(rows = settlements.len(), "settlements are applied again");
    }
    metrics::counter!("penstock_settlements_total").increment(settlements.len() as u64);
    journal.acknowledge(&tickets);
}

#[cfg(test)]
mod tests {
    use penstock_core::Timestamp;

    use super::*;
    use crate::settlement::tests::settlement;
    use crate::{Dsn, Store, UsageQuery};

    #[tokio::test]
    async fn more_is_settled_than_a_database_takes_at_a_time() {
        const ROWS: i64 = 33_000;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Dsn::Sqlite(folder.path().join("penstock.db"))).await.unwrap();
        // the newest is there, so that each of the others is looked for
        store.settle(&[settlement(Timestamp(ROWS))]).await.unwrap();
        let rows: Vec<_> = (0..ROWS).map(|at| settlement(Timestamp(at))).collect();
        settle_in_batches(&store, &rows).await.unwrap();
        let query = UsageQuery { limit: 100_000, ..UsageQuery::default() };
        assert_eq!(store.usage(&query).await.unwrap().rows.len(), rows.len() + 1);
    }
}
