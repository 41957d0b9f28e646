//! A control store in files: every request metered, also across `kill -9`, and one process at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::{PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;

/// Requests of each of three lives.
const REQUESTS: usize = 300;
const AT_ONCE: usize = 8;

fn on(data: DataDir, upstream: &ScriptedUpstream) -> Builder {
    Builder::on(data).upstream(&upstream.url()).variable("PENSTOCK_PERSISTENCE", "file")
}

/// Runs a command while no gateway runs.
fn ran(builder: &Builder, arguments: &[&str]) -> Result<String> {
    let output = builder.run(arguments)?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Sends them all; those that were answered whole. One that the gateway is killed under is not.
async fn send(
    url: &str,
    key: &str,
    numbers: std::ops::Range<usize>,
    done: &Arc<AtomicUsize>,
) -> Result<BTreeSet<usize>> {
    let places = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut tasks = Vec::new();
    for number in numbers {
        let (places, done) = (Arc::clone(&places), Arc::clone(done));
        let call =
            format!(r#"{{"model":"openai/scripted@tag=t{number}:tokens={}:7","messages":[]}}"#, 100 + number);
        let call = post(format!("{url}/v1/chat/completions"), call).key(key);
        tasks.push(tokio::spawn(async move {
            let _place = places.acquire().await?;
            let answered = call.send().await.is_ok_and(|answer| answer.status == 200);
            done.fetch_add(1, Ordering::Relaxed);
            anyhow::Ok(answered.then_some(number))
        }));
    }
    let mut answered = BTreeSet::new();
    for task in tasks {
        answered.extend(task.await??);
    }
    Ok(answered)
}

async fn until_half(done: &AtomicUsize) {
    while done.load(Ordering::Relaxed) < REQUESTS / 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_has_its_row_in_files_across_kills() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let builder = on(DataDir::new()?, &upstream);
    ran(&builder, &["user", "add", "ada", "--allow", "openai/*"])?;
    let key = ran(&builder, &["key", "create", "--user", "ada"])?;
    let mut gateway = builder.start().await?;
    let mut answered = BTreeSet::new();
    for life in 0..2 {
        let done = Arc::<AtomicUsize>::default();
        let sending = {
            let (url, key, done) = (gateway.url().to_owned(), key.clone(), Arc::clone(&done));
            let numbers = life * REQUESTS..(life + 1) * REQUESTS;
            tokio::spawn(async move { send(&url, &key, numbers, &done).await })
        };
        until_half(&done).await;
        let data = gateway.kill()?;
        let whole = sending.await??;
        ensure!(!whole.is_empty() && whole.len() < REQUESTS, "the kill came in the middle: {}", whole.len());
        answered.extend(whole);
        gateway = on(data, &upstream).start().await?;
    }
    answered.extend(send(gateway.url(), &key, 2 * REQUESTS..3 * REQUESTS, &Arc::default()).await?);
    gateway.settled().await?;
    let seen = upstream.ledger().wait_settled(PATIENCE).await?;
    check(&gateway, &answered, seen.iter().filter_map(|entry| entry.tag.as_deref())).await?;

    // and when it has been stopped and started, from the files of the tables
    let rows = gateway.usage().await?;
    let data = gateway.stop().await?;
    let table = std::fs::read_to_string(data.path().join("control/usages.json"))?;
    ensure!(table.lines().count() == rows.len() + 2, "one line for each row of {}", rows.len());
    let builder = on(data, &upstream);
    let report = ran(&builder, &["usage", "report", "--by", "user"])?;
    ensure!(report.contains("ada") && report.contains(&rows.len().to_string()), "{report}");
    let gateway = builder.start().await?;
    ensure!(gateway.usage().await? == rows, "the rows are others");
    Ok(())
}

/// Each request that the upstream saw has one row, and each that was answered has its figures.
async fn check(
    gateway: &Gateway,
    answered: &BTreeSet<usize>,
    seen: impl Iterator<Item = &str>,
) -> Result<()> {
    let rows = gateway.usage().await?;
    let mut numbers = std::collections::BTreeMap::new();
    for row in &rows {
        let model = row["model"].as_str().context("a model")?;
        let number = model.split("tag=t").nth(1).and_then(|rest| rest.split(':').next()).context("a tag")?;
        ensure!(numbers.insert(number.parse::<usize>()?, row).is_none(), "two rows for request {number}");
    }
    let seen: BTreeSet<usize> =
        seen.filter_map(|tag| tag.strip_prefix('t')).map(str::parse).collect::<Result<_, _>>()?;
    ensure!(seen.len() > 2 * REQUESTS, "the upstream saw {}", seen.len());
    for number in &seen {
        ensure!(numbers.contains_key(number), "request {number} has no row");
    }
    for number in answered {
        let row = numbers[number];
        ensure!(row["usage"]["input"] == 100 + number && row["source"] == "upstream", "{number}: {row}");
        ensure!(row["key_id"].is_i64(), "{number}: {row}");
    }
    // what was noted and not sent when it was killed
    let unseen = numbers.len() - seen.len();
    ensure!(unseen <= 2 * AT_ONCE, "{unseen} rows for requests that the upstream never saw");
    Ok(())
}

#[tokio::test]
async fn beside_a_running_gateway_commands_are_refused_and_doctor_says_why() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = on(DataDir::new()?, &upstream).start().await?;
    for arguments in [&["user", "add", "ada"][..], &["usage", "report"]] {
        let output = gateway.command(&[&["--persistence", "file"], arguments].concat())?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(!output.status.success() && said.contains("stop the gateway"), "{arguments:?}: {said}");
        ensure!(said.contains("/control,"), "the folder is named: {said}");
    }
    let output = gateway.command(&["--persistence", "file", "doctor"])?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(said.contains("control is in use by a running gateway"), "{said}");
    let shown = String::from_utf8(gateway.command(&["--persistence=file", "config", "show"])?.stdout)?;
    let line = shown.lines().find(|line| line.contains("persistence")).context("the setting is shown")?;
    ensure!(line.contains("file") && line.contains("--persistence"), "{line}");
    let data = gateway.stop().await?;
    ensure!(!data.path().join("penstock.db").exists(), "there is no database");
    let checked = ran(&on(data, &upstream), &["doctor"])?;
    ensure!(checked.contains("control (0 users, 0 keys)"), "{checked}");
    Ok(())
}
