//! `penstock export`.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use penstock_control::ControlStore;
use penstock_control::bundle::{Bundle, Secrets};
use penstock_core::{Clock as _, SystemClock};
use serde_json::json;

use super::super::open_existing;
use super::{STANDARD, actor};
use crate::config::Config;
use crate::output;

/// Writes everything that operators edit.
pub(in super::super) async fn export(
    config: &Config,
    out: &Path,
    no_secrets: bool,
    json: bool,
) -> anyhow::Result<()> {
    let store = open_existing(config).await?;
    let loaded = store.load().await?;
    let secrets = if no_secrets { Secrets::References } else { Secrets::Open(&config.keyring) };
    let bundle = Bundle::export(&loaded.records, secrets)?;
    if !no_secrets {
        // who takes secrets out leaves a trace
        let entry =
            actor().did("bundle.export", format!("with secrets, version {}", loaded.version), None, None);
        store.note(&entry, SystemClock.now(), 200).await?;
    }
    store.close().await?;
    let is_standard = out == Path::new(STANDARD);
    if is_standard {
        let mut output = std::io::stdout().lock();
        let written = output.write_all(bundle.to_json().as_bytes()).and_then(|()| output.flush());
        match written {
            // whoever reads it has had enough
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.context("standard output cannot be written")?,
        }
    } else {
        write(out, &bundle.to_json())
            .with_context(|| format!("--out: {} cannot be written", out.display()))?;
    }
    let count = loaded.records.secrets().count();
    let secrets = match (no_secrets, count) {
        (true, _) => {
            "references stand in the place of secrets: fill them in before it is imported".to_owned()
        }
        (false, 0) => "it holds no secrets but the digests of keys and passwords".to_owned(),
        (false, _) => format!(
            "it holds {count} secrets in the open: keep it as you keep them (or leave them out with --no-secrets)"
        ),
    };
    if json && !is_standard {
        let secrets = if no_secrets { 0 } else { count };
        return output::json(&json!({"file": out, "version": loaded.version, "secrets": secrets}));
    }
    let place = if is_standard { "standard output".to_owned() } else { out.display().to_string() };
    output::note(format!("exported version {} to {place}; {secrets}", loaded.version));
    Ok(())
}

/// Whole or not at all, and for its owner alone: beside it first, then in its place.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    if written.is_err() {
        drop(std::fs::remove_file(&beside));
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
