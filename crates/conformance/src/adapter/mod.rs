//! What a module sees of its storage while the backends are down, and that it comes back by itself.

mod answers;
mod incident;

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_storage::StorageAdapter;

#[allow(clippy::wildcard_imports, reason = "the table below names every case")]
use self::{answers::*, incident::*};
use crate::Failure;
use crate::case::cases;
use crate::fault::Fault;

/// What is supplied for a set of backends.
pub trait Harness: Send + Sync {
    /// The adapter as modules are given it, over backends with nothing in them.
    fn adapter(&self) -> &StorageAdapter;

    /// From now on, this is done to every connection of every backend.
    fn set(&self, fault: Fault);
}

cases! { "adapter", dyn Harness:
    a_backend_that_works_answers;
    kv_answers_by_the_table;
    counters_and_exchanges_are_errors;
    queries_are_data_and_error;
    a_vector_search_finds_nothing;
    raw_sql_is_an_error;
    blobs_answer_by_the_table;
    a_put_is_an_error;

    a_backend_that_hangs_costs_one_timeout;
    a_hundred_callers_wait_at_the_same_time;
    a_slow_backend_is_no_outage;
    what_a_backend_refuses_is_no_outage;
    recovery_is_noticed_by_itself;
    it_goes_down_and_comes_back_again_and_again;
    health_tells_what_is_down_since_when_and_why;
}

/// A condition that does not hold in this time never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until every part works, by asking nothing but what is known of them.
async fn until_it_is_back(harness: &Arc<dyn Harness>) -> Result<(), Failure> {
    let start = Instant::now();
    while !harness.adapter().health().is_ok() {
        if start.elapsed() > PATIENCE {
            return Err(Failure::new(format!("it is not back: {:?}", harness.adapter().health())));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
