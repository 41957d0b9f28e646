//! Starts a module: its tables, its `init`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use penstock_storage::db::Migrations;

use super::Modules;
use crate::grammar::SpecEntry;
use crate::run::timed;
use crate::{Entry, Factory, Hook, HookError, OnFailure};

/// Between two tries of an `init` whose storage is away; doubled up to the most.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_mins(1);

impl Modules {
    /// Makes a module and starts it. One that fails is left out, unless nothing may pass without it.
    pub(super) async fn start(
        &self,
        factory: &dyn Factory,
        written: &SpecEntry,
    ) -> Result<Arc<Entry>, String> {
        let module = factory.make(&written.config).await?;
        let storage = &self.storage;
        let storage = if written.isolate {
            storage.isolated(module.name()).map_err(|error| error.to_string())?
        } else {
            storage.clone()
        };
        let entry = Arc::new(Entry::new(module, factory.origin(), storage, written.timeout));
        if let Err(error) = initialise(&entry).await {
            refuse_or_note(&entry, error)?;
        }
        Ok(entry)
    }
}

/// What a module that could not start means for its pipeline.
fn refuse_or_note(entry: &Arc<Entry>, error: HookError) -> Result<(), String> {
    let module = entry.module.name();
    let is_away = error.is_storage || !entry.storage.health().is_ok();
    if !is_away && entry.module.on_failure() == OnFailure::Closed {
        return Err(format!("module `{module}` cannot start: {error}"));
    }
    if is_away {
        tracing::warn!(module, %error, "a module waits for its storage");
    } else {
        tracing::error!(module, %error, "a module could not start and is left out");
    }
    entry.set_trouble(Some(error));
    if is_away {
        tokio::spawn(retry(Arc::downgrade(entry)));
    }
    Ok(())
}

/// Its tables, then its `init`.
async fn initialise(entry: &Entry) -> Result<(), HookError> {
    if let Some(migrations) = entry.module.migrations() {
        migrate(entry, migrations).await?;
    }
    if entry.module.hooks().has(Hook::Init) {
        timed(entry, Hook::Init, entry.module.init(&entry.storage)).await.0?;
    }
    Ok(())
}

async fn migrate(entry: &Entry, migrations: &Migrations) -> Result<(), HookError> {
    match entry.storage.database().migrate(migrations).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let is_storage = error.is_unavailable();
            Err(HookError { is_storage, ..HookError::new(format!("its tables: {error}")) })
        }
    }
}

/// Tries again until the storage is there, as long as a pipeline has the module.
async fn retry(entry: Weak<Entry>) {
    let mut wait = RETRY;
    loop {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_AT_MOST);
        let Some(entry) = entry.upgrade() else {
            return;
        };
        match initialise(&entry).await {
            Ok(()) => {
                tracing::info!(module = entry.module.name(), "a module has started");
                entry.set_trouble(None);
                return;
            }
            Err(error) => entry.set_trouble(Some(error)),
        }
    }
}
