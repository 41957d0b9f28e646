//! What one request holds of its user's counters.

use std::sync::Arc;

use penstock_core::Usd;

use super::counter::{Counter, Hold};

/// What one request holds of each counter, until it is known what it cost. The counters are those of the time at which
/// the request came, whenever it ends. If it is dropped unsettled, what it holds stays as spent: nobody can tell.
#[derive(Debug)]
pub(super) struct Reservation(Vec<(Arc<Counter>, Usd)>);

impl Reservation {
    /// What these hold.
    pub(super) fn of(holds: Vec<Hold>) -> Self {
        Self(holds.into_iter().map(Hold::keep).collect())
    }

    /// Corrects every counter to what the request did cost. Waits until that has been tried once.
    pub(super) async fn settle(&self, actual: Usd) {
        // all of them have to begin before one of them is waited for
        let settling: Vec<_> = self.0.iter().map(|(counter, held)| counter.settle(*held, actual)).collect();
        for settled in settling {
            drop(settled.await);
        }
    }
}
