//! The bundle that a new store starts with (`import_file`).

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Context;
use penstock_control::bundle::{self, MadeKey, PlanOptions, References};
use penstock_control::{ControlStore, Loaded};
use penstock_core::{Clock as _, SystemClock};

use super::{actor, read, shown};
use crate::config::{Config, process_environment};

/// The keys that were made where nobody was there to read them.
const KEYS: &str = "imported-keys.txt";

/// Imports the file that the configuration names, if nothing was ever set up here. Returns the records as they
/// are then.
pub(in super::super) async fn import_at_first_start(
    config: &Config,
    store: &dyn ControlStore,
    loaded: Loaded,
) -> anyhow::Result<Loaded> {
    let Some(file) = &config.import_file else { return Ok(loaded) };
    if !loaded.records.providers.is_empty() || !loaded.records.users.is_empty() {
        tracing::info!(file = %file.display(), "import_file is for a first start: there are providers or users already");
        return Ok(loaded);
    }
    let place = || format!("import_file: {} cannot be imported", file.display());
    let bundle = read(config, file).with_context(place)?;
    let options = PlanOptions { prune: false, references: References::Local(process_environment) };
    let applied =
        bundle::apply(store, &bundle, options, &actor(), SystemClock.now()).await.with_context(place)?;
    tracing::info!(file = %file.display(), changes = applied.changes.len(), "imported at first start");
    show(config, &applied.keys)?;
    Ok(store.load().await?)
}

/// On a terminal, or in a file for its owner alone: a log is read by too many.
fn show(config: &Config, keys: &[MadeKey]) -> anyhow::Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    if std::io::stdout().is_terminal() {
        shown::made(keys);
        return Ok(());
    }
    let path = config.data_dir.join(KEYS);
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| {
        for made in keys {
            writeln!(file, "{}\t{}\t{}", made.user, made.label.as_deref().unwrap_or("-"), made.key.expose())?;
        }
        file.sync_all()
    });
    written.with_context(|| format!("the keys that were made cannot be written to {}", path.display()))?;
    tracing::warn!(file = %path.display(), keys = keys.len(), "made keys: they are in this file and nowhere else");
    Ok(())
}
