//! All that is known of credentials and routes while the process runs, whatever configuration comes and goes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_control::CredentialStatus;
use penstock_core::{CredentialId, Timestamp};

use super::credential::CredentialHealth;
use super::latency::Latency;
use super::report::Reports;

/// Which credential it is, from one configuration to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// One of the records, which the nodes tell each other about.
    Record(CredentialId),
    /// One of the configuration, by provider and name: its state stays in this process.
    Configured(Arc<str>, Arc<str>),
}

/// What is known of each of something.
type Known<Key, What> = Mutex<HashMap<Key, Arc<What>>>;

/// See the module. Its locks are taken when a configuration is made, and by whoever shares the states.
#[derive(Debug)]
pub struct Board {
    credentials: Known<Identity, CredentialHealth>,
    latencies: Known<(Arc<str>, Arc<str>), Latency>,
    turns: Known<(&'static str, Arc<str>), AtomicUsize>,
    reports: Arc<Reports>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Board {
    fn default() -> Self {
        Self::new("this node")
    }
}

impl Board {
    /// An empty one; `node` is how this process calls itself to the others.
    pub fn new(node: &str) -> Self {
        Self {
            credentials: Mutex::default(),
            latencies: Mutex::default(),
            turns: Mutex::default(),
            reports: Arc::new(Reports::new(node)),
        }
    }

    /// What is known of a credential. One that was changed, or that holds another secret, starts anew.
    pub(crate) fn credential(
        &self,
        identity: Identity,
        (provider, name): (&Arc<str>, &Arc<str>),
        (changed, secret): (Timestamp, u64),
    ) -> Arc<CredentialHealth> {
        let mut credentials = lock(&self.credentials);
        if let Some(known) = credentials.get(&identity)
            && known.is_of((provider, name), (changed, secret))
        {
            return Arc::clone(known);
        }
        let id = match identity {
            Identity::Record(id) => Some(id),
            Identity::Configured(..) => None,
        };
        let reports = Arc::clone(&self.reports);
        let fresh = Arc::new(CredentialHealth::new((provider, name), id, (changed, secret), reports));
        credentials.insert(identity, Arc::clone(&fresh));
        fresh
    }

    /// How fast a provider's model is.
    pub(crate) fn latency(&self, provider: &Arc<str>, model: &Arc<str>) -> Arc<Latency> {
        kept(&self.latencies, (Arc::clone(provider), Arc::clone(model)))
    }

    /// Whose turn it is among the members of a route, or the credentials of a provider.
    pub(crate) fn turn(&self, kind: &'static str, name: &Arc<str>) -> Arc<AtomicUsize> {
        kept(&self.turns, (kind, Arc::clone(name)))
    }

    /// Forgets what no configuration and no request has a use for any more.
    pub(crate) fn forget_unused(&self) {
        lock(&self.credentials).retain(|_, known| Arc::strong_count(known) > 1);
        lock(&self.latencies).retain(|_, known| Arc::strong_count(known) > 1);
        lock(&self.turns).retain(|_, known| Arc::strong_count(known) > 1);
    }

    /// Whether there is a credential that other nodes may know as well.
    pub fn is_shared(&self) -> bool {
        lock(&self.credentials).keys().any(|identity| matches!(identity, Identity::Record(_)))
    }

    /// Ready when there may be something to report.
    pub async fn changed(&self) {
        self.reports.waiting.notified().await;
    }

    /// What the other nodes should hear.
    pub fn reports(&self) -> Vec<CredentialStatus> {
        self.reports.all()
    }

    /// Forgets what was told; what has changed meanwhile still waits.
    pub fn reported(&self, statuses: &[CredentialStatus]) {
        self.reports.told(statuses);
    }

    /// Takes in what other nodes reported, and what this one did before it was started.
    pub fn learn(&self, statuses: &[CredentialStatus], now: Timestamp) {
        let credentials = lock(&self.credentials);
        for status in statuses {
            if let Some(known) = credentials.get(&Identity::Record(status.credential_id)) {
                known.learn(status, now);
            }
        }
    }
}

fn kept<K: Eq + Hash, V: Default>(all: &Known<K, V>, key: K) -> Arc<V> {
    Arc::clone(lock(all).entry(key).or_default())
}
