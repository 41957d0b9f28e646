//! What the other nodes should hear: the newest state of each credential and model, until it is fetched.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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
        self.put(CredentialStatus {
            credential_id: news.credential,
            model: news.model,
            state: news.state,
            until: news.until,
            reason: news.reason.map(str::to_owned),
            reported_by: self.node.clone(),
            last_error: None,
            updated_at: news.at,
        });
        self.waiting.notify_one();
    }

    /// In place of what is older.
    pub(super) fn put(&self, status: CredentialStatus) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (status.credential_id, status.model.clone());
        if pending.get(&key).is_none_or(|there| there.updated_at <= status.updated_at) {
            pending.insert(key, status);
        }
    }

    pub(super) fn take(&self) -> Vec<CredentialStatus> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *pending).into_values().collect()
    }
}
