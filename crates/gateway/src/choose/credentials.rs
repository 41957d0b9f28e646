//! The credentials of a provider, by its strategy.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use penstock_core::CredentialStrategy;

use super::Circumstances;
use crate::Caller;
use crate::routing::{Credential, Provider};

/// The turns that a request has taken, each of them once: a provider that is a member twice must not get the
/// same credential for one of them for ever.
#[derive(Default)]
pub(super) struct Turns(Vec<(*const AtomicUsize, usize)>);

impl Turns {
    pub(super) fn take(&mut self, turn: &Arc<AtomicUsize>) -> usize {
        let turn_of = Arc::as_ptr(turn);
        if let Some((_, taken)) = self.0.iter().find(|(known, _)| std::ptr::eq(*known, turn_of)) {
            return *taken;
        }
        let taken = turn.fetch_add(1, Ordering::Relaxed);
        self.0.push((turn_of, taken));
        taken
    }
}

pub(super) fn order(
    provider: &Provider,
    credentials: &mut [&Arc<Credential>],
    turns: &mut Turns,
    circumstances: &mut Circumstances<'_>,
) {
    if credentials.len() < 2 {
        return;
    }
    match provider.credential_strategy {
        None => {}
        Some(CredentialStrategy::RoundRobin) => {
            credentials.rotate_left(turns.take(&provider.turn) % credentials.len());
        }
        Some(CredentialStrategy::Sticky) => {
            // the highest wins (rendezvous hashing): when one goes, only its own callers move
            credentials.sort_by_cached_key(|credential| {
                let mut hasher = DefaultHasher::new();
                hash_caller(circumstances.caller, &mut hasher);
                credential.name.hash(&mut hasher);
                std::cmp::Reverse(hasher.finish())
            });
        }
        Some(CredentialStrategy::Weighted) => {
            circumstances.chance.draw_by_weight(credentials, |credential| credential.weight);
        }
        Some(CredentialStrategy::LeastUsed) => {
            let now = circumstances.now;
            credentials.sort_by_cached_key(|credential| credential.health.recent_requests(now));
        }
    }
}

fn hash_caller(caller: &Caller, hasher: &mut impl Hasher) {
    match caller {
        Caller::Open => {}
        Caller::User(principal) => principal.key_id.hash(hasher),
        Caller::OwnKey(own) => own.tenant.hash(hasher),
    }
}
