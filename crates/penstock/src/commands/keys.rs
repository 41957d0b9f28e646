//! `penstock keys`: the master key, and what is sealed under it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use penstock_control::Store;
use penstock_control::accounts::COMMAND_LINE;
use penstock_control::seal::{Keyring, MasterKey};
use penstock_control::{AuditEntry, ControlError, ControlStore, saved};
use penstock_core::Secret;
use serde_json::json;

use crate::config::Config;
use crate::config::keyring::master_key;
use crate::output;

/// Seals everything under the key in that file, which is made if it is not there.
pub(super) async fn rotate(config: &Config, to_file: &Path, json: bool) -> anyhow::Result<()> {
    let Some(old) = config.keyring.current() else {
        bail!(
            "there is no master key to rotate: set PENSTOCK_MASTER_KEY, and seal with `penstock keys seal`"
        );
    };
    let key = read_or_make(to_file)?;
    let new = key.id();
    if new == old {
        bail!("--to-file: {} holds the master key that is in use already", to_file.display());
    }
    let keyring = Keyring::succeeding(key, &config.keyring);
    let store = open(config, keyring).await?;
    let sealed = store.reseal(entry("keys.rotate", format!("from {old} to {new}"))).await?;
    let scrubbed = scrub(&store).await?;
    // a start without the control store would find it under a key that it need not have
    let loaded = store.load().await?;
    if saved::read(&config.data_dir, &config.keyring).is_ok_and(|found| found.is_some()) {
        saved::save(&config.data_dir, &loaded, store.keyring())?;
    }
    store.close().await?;
    if json {
        return output::json(&json!({
            "sealed": sealed, "from": old.to_string(), "to": new.to_string(), "scrubbed": scrubbed,
        }));
    }
    output::line(format!(
        "sealed {sealed} secrets under master key {new}, which is in {}",
        to_file.display()
    ));
    output::note(format!(
        "next, on each gateway: start it with PENSTOCK_MASTER_KEY_FILE={}, and with the old key in \
         PENSTOCK_MASTER_KEY_PREVIOUS_FILE for what was sealed under it meanwhile, which `penstock keys seal` then seals \
         anew (until then it goes on with the secrets that it has opened, opens no new ones and stores none)",
        to_file.display()
    ));
    Ok(())
}

/// Seals what is stored open.
pub(super) async fn seal(config: &Config, json: bool) -> anyhow::Result<()> {
    let Some(key) = config.keyring.current() else {
        bail!(
            "there is no master key to seal under: make one with `openssl rand -base64 32`, and name it in \
             PENSTOCK_MASTER_KEY_FILE or PENSTOCK_MASTER_KEY"
        );
    };
    let store = super::open_existing(config).await?;
    let sealed = store.reseal(entry("keys.seal", format!("under {key}"))).await?;
    let scrubbed = scrub(&store).await?;
    store.close().await?;
    // it was written open; a running gateway writes it anew
    saved::remove(&config.data_dir)?;
    if json {
        return output::json(&json!({"sealed": sealed, "key": key.to_string(), "scrubbed": scrubbed}));
    }
    output::line(format!("sealed {sealed} secrets under master key {key}"));
    Ok(())
}

/// Makes unreadable what the secrets were before; `false`, with a warning, where the database keeps it.
async fn scrub(store: &Store) -> anyhow::Result<bool> {
    match store.scrub().await {
        Err(error @ ControlError::NotScrubbed(_)) => {
            output::note(format!("warning: {error}"));
            Ok(false)
        }
        scrubbed => Ok(scrubbed.map(|()| true)?),
    }
}

async fn open(config: &Config, keyring: Keyring) -> anyhow::Result<Store> {
    let found = Store::find(&config.control).await?;
    let found = found.with_context(|| format!("there is no control store in {} yet", config.control))?;
    Ok(found.sealed_with(Arc::new(keyring)).await?)
}

fn entry(action: &str, target: String) -> AuditEntry {
    AuditEntry {
        actor_id: None,
        actor_name: COMMAND_LINE.to_owned(),
        action: action.to_owned(),
        target,
        before: None,
        after: None,
        source_ip: None,
    }
}

fn read_or_make(path: &Path) -> anyhow::Result<MasterKey> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(master_key(&format!("--to-file {shown}"), &Secret::from(text))?),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = MasterKey::generate()?;
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let written = file.and_then(|mut file| {
                writeln!(file, "{}", key.to_base64().expose())?;
                file.sync_all()
            });
            written.with_context(|| format!("--to-file: {shown} cannot be made"))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("--to-file: {shown} cannot be read")),
    }
}
