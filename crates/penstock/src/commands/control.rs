//! The control store as commands open it, and the last good snapshot beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use penstock_control::Store;
use penstock_control::{ControlError, ControlStore, LiveSnapshot, Loaded, saved};
use tokio::sync::Notify;

use super::create_data_dir;
use crate::config::Config;

/// Changes that come in quick succession are written to the disk together.
const GATHER: Duration = Duration::from_secs(1);
/// After a snapshot was written there is so much more time without: all records are in it, so that with very many
/// of them a change after the other would otherwise keep a core busy.
const SHARE: u32 = 20;
/// The longest that a change waits for its turn.
const LONGEST: Duration = Duration::from_secs(30);
/// Before a snapshot that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Opens the control store, and makes it where it is missing; a file is for its owner alone, like the folder.
pub(super) async fn open_store(config: &Config) -> anyhow::Result<Store> {
    use std::os::unix::fs::OpenOptionsExt;
    create_data_dir(&config.data_dir)?;
    if let Some(path) = config.control.file() {
        let created = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        created.with_context(|| format!("the control store {} cannot be opened", path.display()))?;
    }
    Ok(Store::open(&config.control).await?.sealed_with(config.keyring.clone()).await?)
}

/// Opens the control store to look at it: nothing is made.
pub(super) async fn open_existing(config: &Config) -> anyhow::Result<Store> {
    let found = Store::find(&config.control).await?;
    let found = found.with_context(|| match config.control.local() {
        Some(path) => format!(
            "there is no control store {}: name the folder of your gateway with --data-dir, or its dsn",
            path.display()
        ),
        None => format!("there is no control store in {} yet: start the gateway first", config.control),
    })?;
    Ok(found.sealed_with(config.keyring.clone()).await?)
}

/// Opens the control store for a gateway. If it cannot be reached and there is a last good snapshot, the gateway
/// starts from that, and the store is tried again whenever it is needed.
pub(super) async fn open_or_last_good(config: &Config) -> anyhow::Result<(Store, Loaded)> {
    let error = match open_store(config).await {
        Ok(store) => {
            let loaded = store.load().await?;
            return Ok((store, loaded));
        }
        Err(error) => error,
    };
    if !matches!(error.downcast_ref(), Some(ControlError::Unavailable(_))) {
        return Err(error);
    }
    let saved = saved::read(&config.data_dir, &config.keyring)
        .with_context(|| format!("{error:#}; the last snapshot cannot be used either"))?;
    let Some(loaded) = saved else {
        return Err(error.context("the gateway cannot start: there is no last snapshot to start from either"));
    };
    let secrets = loaded.records.secrets().filter_map(|secret| secret.stored.key_id());
    config.keyring.check(secrets)?;
    tracing::error!(
        error = format!("{error:#}"),
        version = loaded.version,
        "starting from the last snapshot, since the control store cannot be reached; it is tried again"
    );
    Ok((Store::later(&config.control).with_keyring(config.keyring.clone()), loaded))
}

/// Keeps the published snapshot on the disk, for the next start: at once, and whenever `changed` says so.
pub(super) async fn keep_saved(config: Arc<Config>, live: Arc<LiveSnapshot>, changed: Arc<Notify>) {
    let mut failing = false;
    loop {
        let (config, loaded) = (Arc::clone(&config), live.current().loaded());
        let start = Instant::now();
        let save = move || saved::save(&config.data_dir, &loaded, &config.keyring);
        let outcome = tokio::task::spawn_blocking(save).await;
        let took = start.elapsed();
        let failed = !matches!(outcome, Ok(Ok(())));
        match outcome {
            Ok(Ok(())) if failing => tracing::info!("the last snapshot is kept again"),
            Ok(Err(error)) if !failing => {
                tracing::error!(%error, "the last snapshot cannot be kept: a start without the control store would fail");
            }
            _ => {}
        }
        failing = failed;
        if failing {
            // what could not be written is owed, whether anything changes or not
            drop(tokio::time::timeout(AGAIN, changed.notified()).await);
        } else {
            changed.notified().await;
        }
        tokio::time::sleep((took * SHARE).clamp(GATHER, LONGEST)).await;
    }
}
