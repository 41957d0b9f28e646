//! Applies settlements to the control store in batches, behind the requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::journal::{Journal, Ticket};
use crate::{ControlError, ControlStore, Settlement};

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

/// The task that applies them.
#[derive(Debug)]
pub struct Settler {
    task: JoinHandle<()>,
}

impl Settler {
    /// Rows of one transaction at the most.
    pub const BATCH: usize = 2_000;

    /// Starts the task.
    pub fn start(store: Arc<dyn ControlStore>, journal: Arc<Journal>) -> (SettlerHandle, Self) {
        let (queue, pending) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(store, journal, pending));
        (SettlerHandle { queue }, Self { task })
    }

    /// Waits until everything handed in is applied, once all handles are gone; at most `deadline`.
    /// True if nothing is left over (what is left stays in the journal).
    pub async fn finish(self, deadline: Duration) -> bool {
        let abort = self.task.abort_handle();
        let finished = tokio::time::timeout(deadline, self.task).await.is_ok();
        abort.abort();
        finished
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
