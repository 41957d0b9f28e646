//! Requests that wait for the answer to an identical one.
//!
//! The first of them leads: it asks the provider. Its [`Lead`] tells the others what came of that; one that is dropped
//! before, with a request that was given up, tells them by that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_core::canonical::CanonicalResponse;
use tokio::sync::watch;

use super::key::CacheKey;

/// What came of a leader's request.
#[derive(Clone, Debug)]
pub(super) enum Landed {
    /// This answer, which is everyone's.
    Answer(Arc<CanonicalResponse>),
    /// None that could be shared: each asks by itself.
    Nothing,
    /// Its client hung up, or it was cut off: another one leads.
    GivenUp,
}

type News = Option<Landed>;
type Part = HashMap<CacheKey, watch::Receiver<News>>;

/// The requests that lead, by what they ask. In parts, so that requests for different things do not wait for each other.
#[derive(Default)]
pub(super) struct Flights([Mutex<Part>; PARTS]);

const PARTS: usize = 16;

/// What a request is to do.
pub(super) enum Role {
    /// Ask the provider, and tell the others.
    Lead(Lead),
    /// Wait for the one that asks.
    Wait(Waiting),
}

/// The duty to tell the others.
pub(super) struct Lead {
    flights: Arc<Flights>,
    key: CacheKey,
    news: watch::Sender<News>,
}

/// A place among the others.
pub(super) struct Waiting(watch::Receiver<News>);

impl Flights {
    fn part(&self, key: &CacheKey) -> MutexGuard<'_, Part> {
        self.0[usize::from(key.first_byte()) % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins those who ask for `key`.
    pub(super) fn join(self: &Arc<Self>, key: CacheKey) -> Role {
        match self.part(&key).entry(key) {
            Entry::Occupied(known) => Role::Wait(Waiting(known.get().clone())),
            Entry::Vacant(free) => {
                let (news, receiver) = watch::channel(None);
                let key = free.key().clone();
                free.insert(receiver);
                Role::Lead(Lead { flights: Arc::clone(self), key, news })
            }
        }
    }
}

impl Lead {
    /// Tells the others.
    pub(super) fn tell(&self, landed: Landed) {
        self.news.send_replace(Some(landed));
    }
}

impl Drop for Lead {
    /// The others hear of this by the channel, which ends with it.
    fn drop(&mut self) {
        // first: who comes from here on is no longer in time
        self.flights.part(&self.key).remove(&self.key);
    }
}

impl Waiting {
    /// What came of it.
    pub(super) async fn landed(mut self) -> Landed {
        let news = self.0.wait_for(Option::is_some).await;
        news.ok().and_then(|news| news.clone()).unwrap_or(Landed::GivenUp)
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flights")
    }
}
