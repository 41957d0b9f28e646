//! `penstock doctor`

mod storage;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anstyle::AnsiColor;
use anyhow::bail;
use penstock_control::{ControlStore, Dsn, Records, Snapshot, Store};
use serde::Serialize;

use super::serve::is_running;
use crate::config::{Config, ConfigError};
use crate::output;

const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warning,
    Failed,
}

#[derive(Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    says: String,
}

/// Checks the set-up; fails if anything would keep the gateway from working.
pub(super) async fn run(config: Result<Config, ConfigError>, json: bool) -> anyhow::Result<()> {
    let findings = match config {
        Ok(config) => examine(&config).await,
        Err(error) => vec![finding("configuration", State::Failed, error.to_string())],
    };
    if json {
        output::json(&findings)?;
    } else {
        for finding in &findings {
            let (color, word) = match finding.state {
                State::Ok => (AnsiColor::Green, "ok"),
                State::Warning => (AnsiColor::Yellow, "warning"),
                State::Failed => (AnsiColor::Red, "failed"),
            };
            output::verdict(color, word, &format!("{}: {}", finding.check, finding.says));
        }
    }
    match findings.iter().filter(|finding| finding.state == State::Failed).count() {
        0 => Ok(()),
        1 => bail!("one check failed"),
        failed => bail!("{failed} checks failed"),
    }
}

fn finding(check: &'static str, state: State, says: impl Into<String>) -> Finding {
    Finding { check, state, says: says.into() }
}

async fn examine(config: &Config) -> Vec<Finding> {
    let file = config.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    let mut findings = vec![finding("configuration", State::Ok, format!("sound ({file})"))];
    findings.extend(config.warnings.iter().map(|warning| finding("configuration", State::Warning, warning)));
    findings.push(providers(config));
    findings.push(data_dir(config));
    findings.push(master_key(config));
    findings.extend(store(config).await);
    findings.push(journal(config));
    findings.extend(storage::examine(&config.storage).await);
    findings.push(gateway(config));
    findings
}

fn providers(config: &Config) -> Finding {
    let with = |wanted: bool| {
        let found =
            config.routing.providers.iter().filter(|provider| provider.credentials.is_empty() != wanted);
        found.map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (ready, bare) = (with(true), with(false));
    match (ready.as_str(), bare.as_str()) {
        ("", "") => finding(
            "providers",
            State::Warning,
            "none: set a key such as OPENAI_API_KEY or ANTHROPIC_API_KEY, or name providers in penstock.toml",
        ),
        (ready, "") => finding("providers", State::Ok, ready),
        (ready, bare) => {
            let ready = if ready.is_empty() { "none with a credential" } else { ready };
            finding("providers", State::Warning, format!("{ready}; without a credential: {bare}"))
        }
    }
}

fn data_dir(config: &Config) -> Finding {
    let path = config.data_dir.display();
    match std::fs::metadata(&config.data_dir) {
        Ok(found) if !found.is_dir() => finding("data dir", State::Failed, format!("{path} is not a folder")),
        Ok(found) if found.permissions().readonly() => {
            finding("data dir", State::Failed, format!("{path} cannot be written to"))
        }
        Ok(_) => finding("data dir", State::Ok, path.to_string()),
        Err(_) => finding("data dir", State::Ok, format!("{path} will be made at the first start")),
    }
}

fn master_key(config: &Config) -> Finding {
    match config.keyring.current() {
        Some(key) => finding("master key", State::Ok, format!("{key}: secrets are sealed under it")),
        None => {
            finding("master key", State::Warning, super::serve::PLAINTEXT.trim_start_matches("master_key: "))
        }
    }
}

async fn store(config: &Config) -> Vec<Finding> {
    let place = &config.control;
    if matches!(place, Dsn::Folder(_)) && is_running(config) {
        let says = format!(
            "{place} is in use by a running gateway, which alone may open it: its /readyz says how it is"
        );
        return vec![finding("control store", State::Ok, says)];
    }
    let loaded = match Store::find(place).await {
        Ok(None) => {
            let says = format!("{place} will be made at the first start");
            return vec![finding("control store", State::Ok, says)];
        }
        Ok(Some(store)) => {
            let loaded = store.load().await;
            drop(store.close().await);
            loaded
        }
        Err(error) => Err(error),
    };
    match loaded {
        Err(error) => vec![finding("control store", State::Failed, error.to_string())],
        Ok(loaded) => {
            let (users, keys) = (loaded.records.users.len(), loaded.records.keys.len());
            let holds = format!("{place} ({users} users, {keys} keys)");
            let secrets = secrets(config, &loaded.records);
            let keyless = Snapshot::new(loaded).is_keyless();
            vec![finding("control store", State::Ok, holds), secrets, access(config, !keyless)]
        }
    }
}

/// Whether the secrets in the store open with the master key that there is.
fn secrets(config: &Config, records: &Records) -> Finding {
    let opened: Vec<_> = records.secrets().map(|secret| secret.open(&config.keyring)).collect();
    let closed: Vec<_> = opened.iter().filter_map(|opened| opened.as_ref().err()).collect();
    match closed.first() {
        Some(first) => {
            let says = format!("{} of {} do not open: {first}", closed.len(), opened.len());
            finding("secrets", State::Failed, says)
        }
        None => finding("secrets", State::Ok, format!("all {} open", opened.len())),
    }
}

fn access(config: &Config, has_keys: bool) -> Finding {
    match (config.is_loopback(), has_keys) {
        (_, true) => finding("access", State::Ok, "callers need a key of this gateway"),
        (true, false) => finding("access", State::Ok, "open mode: programs on this machine need no key"),
        (false, false) => finding(
            "access",
            State::Failed,
            "bound to more than this machine, but there are no keys: `penstock user add`, then `penstock key create`",
        ),
    }
}

fn journal(config: &Config) -> Finding {
    let segment = |entry: &std::io::Result<std::fs::DirEntry>| {
        entry
            .as_ref()
            .is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "journal"))
    };
    let entries =
        std::fs::read_dir(config.journal_dir()).map_or(0, |entries| entries.filter(segment).count());
    let says = match entries {
        0 => "empty".to_owned(),
        entries => format!("{entries} segments (in use, or to be settled at the next start)"),
    };
    finding("journal", State::Ok, says)
}

fn gateway(config: &Config) -> Finding {
    let Some(address) = config.listen.first() else {
        return finding("gateway", State::Failed, "there is no address to listen on");
    };
    let answer = TcpStream::connect_timeout(address, PATIENCE).and_then(|mut socket| {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.take(4_096).read_to_string(&mut answer)?;
        Ok(answer)
    });
    match answer {
        Ok(answer) if answer.contains("\"penstock\"") => {
            finding("gateway", State::Ok, format!("running on {address}"))
        }
        Ok(_) => finding(
            "gateway",
            State::Failed,
            format!("something else listens on {address}: choose another --port"),
        ),
        Err(_) => finding("gateway", State::Ok, format!("not running; {address} is free")),
    }
}
