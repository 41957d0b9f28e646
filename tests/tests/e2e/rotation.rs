//! Another master key while requests run: none of them fails, and afterwards no file holds a secret in the open.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use penstock_tests::gateway::{ADMIN_KEY, Builder, DataDir, Gateway};
use penstock_tests::http::{PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

/// Requests at the same time.
const AT_ONCE: usize = 6;
/// Requests before the rotation begins, and after it has ended.
const AROUND: usize = 60;
/// Keys that may be looked at again, so that there is something to seal anew.
const KEYS: usize = 400;

const OF_PROVIDER: &str = "sk-upstream-plaintext-of-the-provider";
const OF_PROXY: &str = "plaintext-of-the-proxy";

/// The text of a user's key that is kept.
fn kept(number: usize) -> String {
    format!("sk-kept-plaintext-{number:05}-of-a-user")
}

fn bundle(upstream: &ScriptedUpstream) -> String {
    let users = json!([{
        "name": "ada", "permissions": ["*"],
        "keys": (0..KEYS).map(|number| json!({"sealed": kept(number)})).collect::<Vec<_>>(),
    }]);
    json!({
        "penstock": 1,
        "providers": [
            {"name": "scripted", "channel": "custom", "base_url": format!("{}/v1", upstream.url()),
             "credentials": [{"name": "main", "api_key": OF_PROVIDER}]},
            {"name": "proxied", "channel": "openai", "proxy_url": format!("http://u:{OF_PROXY}@127.0.0.1:9")},
        ],
        "users": users,
        "settings": {"log_downstream": true, "log_upstream": true, "capture_bodies": true},
    })
    .to_string()
}

fn ran(builder: &Builder, arguments: &[&str]) -> Result<String> {
    let output = builder.run(arguments)?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Requests one after the other until told to stop; those that were not answered with 200.
async fn keep_asking(
    url: String,
    worker: usize,
    done: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    let mut number = worker;
    while !stop.load(Ordering::Relaxed) {
        let body = json!({"model": "scripted/scripted", "stream": number.is_multiple_of(2), "messages": []});
        let answer = post(format!("{url}/v1/chat/completions"), body.to_string())
            .key(&kept(number % KEYS))
            .send()
            .await;
        match answer {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => failed.push(format!("{} {}", answer.status, answer.text())),
            Err(error) => failed.push(format!("{error:#}")),
        }
        done.fetch_add(1, Ordering::Relaxed);
        number += AT_ONCE;
    }
    Ok(failed)
}

async fn until(done: &AtomicUsize, number: usize) -> Result<()> {
    let start = Instant::now();
    while done.load(Ordering::Relaxed) < number {
        ensure!(start.elapsed() < PATIENCE, "{} of {number} requests", done.load(Ordering::Relaxed));
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Rotates from the key in one file to that in another while requests run; how many requests there were in all,
/// and how many ended meanwhile.
async fn rotate_under_load(gateway: &Gateway, old: &Path, new: &Path) -> Result<(usize, usize)> {
    let (done, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            tokio::spawn(keep_asking(gateway.url().to_owned(), worker, Arc::clone(&done), Arc::clone(&stop)))
        })
        .collect();
    until(&done, AROUND).await?;
    let before = done.load(Ordering::Relaxed);
    let setting = format!("--set=master_key={}", std::fs::read_to_string(old)?.trim());
    let (folder, to_file) = (gateway.data_dir().to_owned(), new.display().to_string());
    let rotated = tokio::task::spawn_blocking(move || {
        let builder = std::process::Command::new(penstock_tests::gateway::binary()?)
            .env_clear()
            .arg("--data-dir")
            .arg(folder)
            .args([&setting, "keys", "rotate", "--to-file", &to_file])
            .output()?;
        anyhow::Ok(builder)
    })
    .await??;
    let meanwhile = done.load(Ordering::Relaxed) - before;
    let said = String::from_utf8_lossy(&rotated.stdout).into_owned();
    ensure!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    ensure!(said.starts_with(&format!("sealed {} secrets", KEYS + 2)), "{said}");
    // the gateway has seen the records that were sealed anew, and goes on
    until(&done, before + meanwhile + AROUND).await?;
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        let failed = worker.await??;
        ensure!(
            failed.is_empty(),
            "{} requests failed: {:?}\n{}",
            failed.len(),
            failed.first(),
            gateway.log()?
        );
    }
    Ok((done.load(Ordering::Relaxed), meanwhile))
}

/// A file below the folder that holds the text. One that goes meanwhile, as a finished segment of the journal does,
/// holds nothing.
fn holds(folder: &Path, text: &str) -> Result<Option<String>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = holds(&path, text)? {
                return Ok(Some(found));
            }
            continue;
        }
        match std::fs::read(&path) {
            Ok(bytes) if String::from_utf8_lossy(&bytes).contains(text) => {
                return Ok(Some(path.display().to_string()));
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(None)
}

fn master_key(folder: &Path, name: &str, letter: char) -> Result<std::path::PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, format!("{}=\n", letter.to_string().repeat(43)))?;
    Ok(path)
}

fn with_keys(data: DataDir, upstream: &ScriptedUpstream, current: &Path, previous: Option<&Path>) -> Builder {
    let builder = Builder::on(data).upstream(&upstream.url());
    let builder = builder.variable("PENSTOCK_MASTER_KEY_FILE", &current.display().to_string());
    match previous {
        Some(previous) => {
            builder.variable("PENSTOCK_MASTER_KEY_PREVIOUS_FILE", &previous.display().to_string())
        }
        None => builder,
    }
}

/// `ahead`: the gateway knows the new key before, as the guide has it for several gateways.
async fn rotated_under_load(ahead: bool) -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let elsewhere = tempfile::tempdir()?;
    let (old, new) = (master_key(elsewhere.path(), "old", 'A')?, master_key(elsewhere.path(), "new", 'E')?);
    let data = DataDir::new()?;
    let plain = elsewhere.path().join("plain.json");
    std::fs::write(&plain, bundle(&upstream))?;
    let known = ahead.then_some(new.as_path());
    let builder = with_keys(data, &upstream, &old, known);
    ran(&builder, &["apply", &plain.display().to_string()])?;
    let gateway = builder.start().await?;
    let (requests, meanwhile) = rotate_under_load(&gateway, &old, &new).await?;
    ensure!(meanwhile > 0, "nothing was asked while it rotated, of {requests}");
    gateway.settled().await?;
    ensure!(gateway.usage_of(requests).await?.len() == requests, "a row for each of {requests}");
    ensure!(upstream.requests().iter().all(|request| {
        request.header("authorization").is_some_and(|shown| shown.ends_with(OF_PROVIDER))
    }));

    // whatever is on the disk while it runs: database, its log, journal, snapshot, logs
    let secrets =
        [OF_PROVIDER.to_owned(), OF_PROXY.to_owned(), kept(0), kept(KEYS - 1), ADMIN_KEY.to_owned()];
    let folder = gateway.data_dir().to_owned();
    for needed in ["penstock.db", "journal", "snapshot.sealed", "log"] {
        ensure!(folder.join(needed).exists(), "{needed} is there to be searched");
    }
    for secret in &secrets {
        ensure!(holds(&folder, secret)?.is_none(), "{secret} is in {:?}", holds(&folder, secret)?);
    }
    ensure!(holds(&folder, "proxied")?.is_some(), "the search finds what is there");
    let data = gateway.stop().await?;
    for secret in &secrets {
        ensure!(holds(data.path(), secret)?.is_none(), "{secret} is in {:?}", holds(data.path(), secret)?);
    }

    // the new key alone opens it
    let builder = with_keys(data, &upstream, &new, None);
    let bundles = tempfile::tempdir()?;
    let path = |name: &str| bundles.path().join(name).display().to_string();
    ran(&builder, &["export", "--no-secrets", "--out", &path("without.json")])?;
    for secret in &secrets {
        ensure!(holds(bundles.path(), secret)?.is_none(), "{secret} is in the bundle");
    }
    ran(&builder, &["export", "--out", &path("with.json")])?;
    ensure!(holds(bundles.path(), OF_PROVIDER)?.is_some(), "it opens under the new key");
    let gateway = builder.start().await?;
    let body = json!({"model": "scripted/scripted", "messages": []}).to_string();
    let answer = post(gateway.at("/v1/chat/completions"), body).key(&kept(7)).send().await?;
    ensure!(answer.status == 200, "{}", answer.text());
    let data = gateway.stop().await?;
    let refused = with_keys(data, &upstream, &old, None).run(&["serve"])?;
    let said = String::from_utf8(refused.stderr).context("text")?;
    ensure!(!refused.status.success() && said.contains("master key"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_gateway_goes_on_while_its_master_key_is_rotated() -> Result<()> {
    rotated_under_load(false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_knows_the_new_key_before_goes_on_while_it_is_rotated() -> Result<()> {
    rotated_under_load(true).await
}
