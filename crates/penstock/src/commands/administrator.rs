//! How an administrator gets in at the first start, and after a forgotten password.

use std::fs::OpenOptions;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context;
use penstock_control::accounts::Actor;
use penstock_control::administrator::{AdministratorError, first, recover};
use penstock_control::{ControlError, ControlStore, Loaded};
use penstock_core::{Clock as _, Secret, SystemClock};

use crate::config::Config;
use crate::output;

/// The file in the data folder that holds the first key, where nobody looks on.
const FILE: &str = "admin-key";

/// Gives the named administrator the password that is set, or makes a first one with a key where there is nobody
/// and nothing opens the admin API. Returns the records as they are then.
pub(super) async fn let_administrator_in(
    config: &Config,
    store: &dyn ControlStore,
    loaded: Loaded,
) -> anyhow::Result<Loaded> {
    match store.version().await {
        // from the last snapshot: nobody is locked out by what can be done at the next start
        Err(ControlError::Unavailable(_)) => return Ok(loaded),
        answered => answered?,
    };
    let (name, actor, now) = (&config.admin_user, Actor::named("start"), SystemClock.now());
    let refused =
        |error: AdministratorError| anyhow::Error::new(error).context(format!("admin_user {name:?}"));
    if let Some(password) = &config.admin_password {
        if recover(store, name, password, &actor, now).await.map_err(refused)? {
            tracing::info!(user = name, "the administrator has the password that is set");
        }
    } else if config.admin_key.is_none()
        && let Some((_, key)) = first(store, name, &actor, now).await.map_err(refused)?
    {
        show(&config.data_dir, name, &key)?;
    }
    Ok(store.load().await?)
}

/// Shows the key this once: to who sits in front of it, else in a file for the owner alone.
fn show(data_dir: &Path, name: &str, key: &Secret<String>) -> anyhow::Result<()> {
    // the one time it is shown
    let key = key.expose();
    if std::io::stdout().is_terminal() {
        output::line(format!(
            "First start: the administrator {name:?} has this key, which is shown this once:"
        ));
        output::line(format!("  {key}"));
        return Ok(());
    }
    let path = data_dir.join(FILE);
    write(&path, key).with_context(|| format!("the first admin key cannot be kept in {}", path.display()))?;
    tracing::info!(
        user = name,
        path = %path.display(),
        "first start: the administrator's key is in this file; take it out and remove the file"
    );
    Ok(())
}

fn write(path: &Path, key: &str) -> std::io::Result<()> {
    // one that is there may be readable for others, or lead elsewhere
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}
