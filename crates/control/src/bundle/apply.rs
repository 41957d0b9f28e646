//! From a plan to the store, in one transaction.

use penstock_core::Timestamp;

use super::plan::{MadeKey, Plan, PlanOptions, PlannedChange, plan};
use super::{Bundle, BundleError};
use crate::accounts::Actor;
use crate::password::PasswordError;
use crate::{ControlError, ControlStore};

/// What was changed.
#[derive(Debug)]
pub struct Applied {
    /// Each record that is different now.
    pub changes: Vec<PlannedChange>,
    /// What nobody asked for: what was kept although pruning would remove it, and why; what a provider starts with.
    pub notes: Vec<String>,
    /// Keys that were made; this is the one time they can be shown.
    pub keys: Vec<MadeKey>,
    /// The version of the records.
    pub version: u64,
}

/// Why a bundle was not applied. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It cannot be applied to these records.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] ControlError),
    /// A password cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The work was cut off.
    #[error("the bundle was not worked out to its end: {0}")]
    CutOff(String),
}

impl Bundle {
    /// What the bundle would change in that store.
    pub async fn preview(
        &self,
        store: &dyn ControlStore,
        options: PlanOptions,
        now: Timestamp,
    ) -> Result<Plan, ApplyError> {
        let (loaded, bundle, keyring) = (store.load().await?, self.clone(), store.keyring().clone());
        // passwords take their time, and files may be slow
        let work = move || plan(&bundle, &loaded, &keyring, options, now);
        let planned = tokio::task::spawn_blocking(work).await;
        Ok(planned.map_err(|error| ApplyError::CutOff(error.to_string()))??)
    }
}

/// Makes the store what the bundle says, or changes nothing. A change that comes in between is looked at, and
/// the difference worked out anew.
pub async fn apply(
    store: &dyn ControlStore,
    bundle: &Bundle,
    options: PlanOptions,
    actor: &Actor,
    now: Timestamp,
) -> Result<Applied, ApplyError> {
    loop {
        let mut plan = bundle.preview(store, options, now).await?;
        let (changes, notes) = (plan.changes.clone(), plan.notes.clone());
        if plan.is_empty() {
            let version = plan.based_on();
            return Ok(Applied { changes, notes, keys: Vec::new(), version });
        }
        let keys = std::mem::take(&mut plan.keys);
        let entry = actor.did("bundle.apply", plan.summary(), None, None);
        let set = tokio::task::spawn_blocking(move || plan.into_changes(entry)).await;
        let set = set.map_err(|error| ApplyError::CutOff(error.to_string()))??;
        match store.commit(&set).await {
            Ok(committed) => return Ok(Applied { changes, notes, keys, version: committed.version }),
            Err(ControlError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
