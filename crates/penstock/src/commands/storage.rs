//! `penstock storage check`: what a module will do, done once with each configured backend.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use anyhow::{anyhow, bail, ensure};
use penstock_core::{Clock, RequestId, SystemClock};
use penstock_storage::blob::{self, BlobStore, Prefix};
use penstock_storage::db::{Database, NearestOptions, TableQuery};
use penstock_storage::kv::{Key, KvStore, Ttl};
use penstock_storage::settings::{KvSettings, Settings};
use penstock_storage::{ErrorKind, StorageError};
use serde::Serialize;
use serde_json::json;

use super::create_data_dir;
use super::serve::is_running;
use crate::backends::OpenStorage;
use crate::config::Config;
use crate::output;

/// A backend that takes longer for its test does not work.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Serialize)]
struct Finding {
    part: &'static str,
    backend: &'static str,
    ok: bool,
    /// A running gateway has it, and nobody else may: it was not tried.
    in_use: bool,
    says: String,
}

/// Fails if a part does not work.
pub(super) async fn check(config: &Config, json: bool) -> anyhow::Result<()> {
    create_data_dir(&config.data_dir)?;
    let (storage, held) = open(config).await?;
    // names that no module has, and that two checks at once do not share
    let name = format!("penstock_check_{:x}", RequestId::new(SystemClock.now()).bits());
    let findings = [
        match held {
            Some(file) => in_use("kv", storage.kv.backend(), &file),
            None => found("kv", storage.kv.backend(), within(kv(&*storage.kv, &name)).await),
        },
        found("db", storage.database.backend(), within(database(&*storage.database, &name)).await),
        found("blob", storage.blob.backend(), within(files(&*storage.blob, &name)).await),
    ];
    storage.close().await?;
    if json {
        output::json(&findings)?;
    } else {
        for Finding { part, backend, ok, in_use, says } in &findings {
            let (color, word) = match (ok, in_use) {
                (_, true) => (AnsiColor::Yellow, "in use"),
                (true, false) => (AnsiColor::Green, "ok"),
                (false, false) => (AnsiColor::Red, "failed"),
            };
            output::verdict(color, word, &format!("{part} ({backend}): {says}"));
        }
    }
    match findings.iter().filter(|finding| !finding.ok).count() {
        0 => Ok(()),
        1 => bail!("one of three parts does not work"),
        failed => bail!("{failed} of three parts do not work"),
    }
}

/// The backends, and the file of keys and values if a running gateway has it: the others can be tried all the
/// same.
async fn open(config: &Config) -> anyhow::Result<(OpenStorage, Option<PathBuf>)> {
    let is_held = |error: &anyhow::Error| {
        let error = error.downcast_ref::<StorageError>();
        error.is_some_and(|error| error.operation == "kv.open" && error.kind == ErrorKind::Unavailable)
    };
    match (OpenStorage::open(&config.storage).await, &config.storage.kv) {
        (Err(error), KvSettings::File(file)) if is_held(&error) && is_running(config) => {
            let others = Settings { kv: KvSettings::Memory, ..config.storage.clone() };
            Ok((OpenStorage::open(&others).await?, Some(file.clone())))
        }
        (opened, _) => Ok((opened?, None)),
    }
}

fn in_use(part: &'static str, backend: &'static str, file: &Path) -> Finding {
    let says = format!(
        "{} is in use by a running gateway, which alone may open it: its /readyz says how it is",
        file.display()
    );
    Finding { part, backend, ok: true, in_use: true, says }
}

fn found(part: &'static str, backend: &'static str, outcome: anyhow::Result<String>) -> Finding {
    let ok = outcome.is_ok();
    Finding { part, backend, ok, in_use: false, says: outcome.unwrap_or_else(|error| format!("{error:#}")) }
}

async fn within(test: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<String> {
    let start = Instant::now();
    let says = tokio::time::timeout(PATIENCE, test)
        .await
        .map_err(|_| anyhow!("no answer within {} s", PATIENCE.as_secs()))??;
    Ok(format!("{says}, in {:.1} ms", start.elapsed().as_secs_f64() * 1e3))
}

fn wrong(step: &str, found: impl Display) -> anyhow::Error {
    anyhow!("{step}: it answered, but not with what was written: {found}")
}

async fn kv(store: &dyn KvStore, name: &str) -> anyhow::Result<String> {
    let (lock, counter) = (Key::new(format!("{name}:lock"))?, Key::new(format!("{name}:counter"))?);
    // what a check that is cut off leaves behind goes by itself
    let ttl = Ttl::seconds(60);
    ensure!(store.set_nx(&lock, "one", ttl).await?, wrong("a new entry", "there was one already"));
    ensure!(!store.set_nx(&lock, "two", ttl).await?, wrong("a lock", "it was given twice"));
    let value = store.get(&lock).await?.unwrap_or_default();
    ensure!(value == "one", wrong("an entry", format!("{value:?}")));
    ensure!(store.cas(&lock, Some("one"), "three", ttl).await?, wrong("an exchange", "it was not made"));
    for expected in 1..=2 {
        let count = store.incr(&counter, 1, ttl).await?;
        ensure!(count == expected, wrong("a counter", count));
    }
    store.del(&lock).await?;
    store.del(&counter).await?;
    ensure!(store.get(&lock).await?.is_none(), wrong("a removed entry", "it is still there"));
    Ok("entries, locks, counters and exchanges work".to_owned())
}

async fn database(store: &dyn Database, name: &str) -> anyhow::Result<String> {
    let create =
        format!("CREATE TABLE IF NOT EXISTS {name} (id TEXT PRIMARY KEY, note TEXT, place VECTOR(3))");
    store.raw(&create, &[]).await?;
    let outcome = rows(store, name).await;
    // the table goes whatever came out
    let dropped = store.raw(&format!("DROP TABLE {name}"), &[]).await;
    outcome?;
    dropped?;
    Ok("tables, rows and vectors work".to_owned())
}

async fn rows(store: &dyn Database, name: &str) -> anyhow::Result<()> {
    let row = json!({"id": "one", "note": "it's \u{1f41f}", "place": [1.0, 0.0, 0.0]});
    let written = TableQuery::on(store, name).insert(row).run().await;
    let read = TableQuery::on(store, name).select("note").eq("id", "one").single().run().await;
    if let Some(error) = written.error.or(read.error) {
        return Err(error.into());
    }
    let found = read.data;
    ensure!(found == json!({"note": "it's \u{1f41f}"}), wrong("a row", found));
    let hits = TableQuery::on(store, name)
        .select("id")
        .vector_search("place", vec![1.0, 0.0, 0.0], NearestOptions::at_most(2))
        .await?;
    let score = hits.first().map_or(0.0, |hit| hit.score);
    ensure!(hits.len() == 1 && score > 0.999, wrong("a vector", score));
    Ok(())
}

async fn files(store: &dyn BlobStore, name: &str) -> anyhow::Result<String> {
    let key = blob::Key::new(format!("{name}/file.txt"))?;
    let content = "what a module writes";
    store.put(&key, content.into()).await?;
    let found = store.get(&key).await?.unwrap_or_default();
    ensure!(found == content, wrong("a file", format!("{} bytes", found.len())));
    let listed = store.list(&Prefix::new(format!("{name}/"))?).await?;
    ensure!(listed == [key.as_str()], wrong("a list", format!("{listed:?}")));
    store.delete(&key).await?;
    ensure!(store.get(&key).await?.is_none(), wrong("a removed file", "it is still there"));
    Ok("files can be written, read, listed and removed".to_owned())
}
