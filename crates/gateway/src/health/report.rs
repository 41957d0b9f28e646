//! What the other nodes should hear: the newest state of each credential and model, until they were told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use penstock_control::CredentialStatus;
use penstock_core::{CredentialId, HealthState, Timestamp};
use tokio::sync::Notify;

/// What is said of a credential.
#[derive(Clone, Debug)]
pub(super) struct News {
    pub(super) credential: CredentialId,
    /// Empty: of all models.
    pub(super) model: String,
    pub(super) state: HealthState,
    pub(super) until: Option<Timestamp>,
    pub(super) reason: Option<&'static str>,
    pub(super) at: Timestamp,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reports {
    node: String,
    pending: Mutex<BTreeMap<(CredentialId, String), CredentialStatus>>,
    pub(super) waiting: Notify,
}

impl Reports {
    pub(super) fn new(node: &str) -> Self {
        Self { node: node.to_owned(), pending: Mutex::default(), waiting: Notify::new() }
    }

    pub(super) fn add(&self, news: News) {
        let status = CredentialStatus {
            credential_id: news.credential,
            model: news.model,
            state: news.state,
            until: news.until,
            reason: news.reason.map(str::to_owned),
            reported_by: self.node.clone(),
            last_error: None,
            updated_at: news.at,
        };
        self.pending().insert((status.credential_id, status.model.clone()), status);
        self.waiting.notify_one();
    }

    pub(super) fn all(&self) -> Vec<CredentialStatus> {
        self.pending().values().cloned().collect()
    }

    /// Forgets what was told; what has changed meanwhile waits.
    pub(super) fn told(&self, statuses: &[CredentialStatus]) {
        self.pending().retain(|_, waiting| !statuses.contains(waiting));
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<(CredentialId, String), CredentialStatus>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
