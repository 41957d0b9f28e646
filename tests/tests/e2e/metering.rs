//! Every request that a provider answered is settled once: also if its client hangs up, also across
//! `kill -9` and a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{post, read_frame};
use penstock_tests::upstream::{Outcome, Received, ScriptedUpstream};
use serde_json::Value;
use tokio::sync::Semaphore;

const REQUESTS: usize = 2_000;
const AT_ONCE: usize = 32;

/// The n-th request of the mix: dialects, streams and not, one in twenty hung up in mid-stream. Its
/// usage is its own, so that a row can only belong to one request.
#[derive(Clone, Copy)]
struct Mixed(usize);

impl Mixed {
    fn hangs_up(self) -> bool {
        self.0 % 20 == 7
    }

    fn is_anthropic(self) -> bool {
        self.0 % 2 == 1
    }

    fn is_stream(self) -> bool {
        self.hangs_up() || !self.0.is_multiple_of(3)
    }

    fn model(self) -> String {
        let Self(n) = self;
        let pace = if self.hangs_up() { ":chunks=50:delay-ms=20" } else { "" };
        format!("scripted@tag=t{n}:tokens={}:{}{pace}", 1_000 + n, 10 + n)
    }

    /// Sends it; `Ok(false)` if the gateway went away before the answer was whole.
    async fn send(self, url: &str) -> Result<bool> {
        let (path, provider) = if self.is_anthropic() {
            ("/v1/messages", "anthropic")
        } else {
            ("/v1/chat/completions", "openai")
        };
        let body = format!(
            r#"{{"model":"{provider}/{}","stream":{},"max_tokens":64,"messages":[{{"role":"user","content":"request {}"}}]}}"#,
            self.model(),
            self.is_stream(),
            self.0
        );
        let call = post(format!("{url}{path}"), body);
        if !self.hangs_up() {
            return Ok(call.send().await.is_ok_and(|answer| answer.status == 200));
        }
        let Ok(mut response) = call.open().await else { return Ok(false) };
        // in the middle of the stream: its first event is there, many are to come
        Ok(read_frame(response.body_mut()).await.is_ok())
    }
}

pub(super) async fn send_all(
    gateway: &str,
    requests: impl IntoIterator<Item = usize>,
    done: &Arc<AtomicUsize>,
) -> Result<BTreeSet<usize>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = Vec::new();
    for n in requests {
        let (url, places, done) = (gateway.to_owned(), Arc::clone(&places), Arc::clone(done));
        tasks.push(tokio::spawn(async move {
            let _place = places.acquire().await?;
            let answered = Mixed(n).send(&url).await?;
            done.fetch_add(1, Ordering::Relaxed);
            anyhow::Ok((n, answered))
        }));
    }
    let mut answered = BTreeSet::new();
    for task in tasks {
        let (n, whole) = task.await??;
        answered.extend(whole.then_some(n));
    }
    Ok(answered)
}

/// Usage rows by the number of their request; none may be there twice.
pub(super) fn by_number(rows: &[Value]) -> Result<BTreeMap<usize, &Value>> {
    let mut found = BTreeMap::new();
    for row in rows {
        let number = number_of(row)?;
        ensure!(found.insert(number, row).is_none(), "two rows for request {number}");
    }
    Ok(found)
}

/// The number of the request that a row is about.
pub(super) fn number_of(row: &Value) -> Result<usize> {
    let model = row["model"].as_str().context("no model")?;
    let tag = model.split("tag=t").nth(1).and_then(|rest| rest.split(':').next()).context("no tag")?;
    Ok(tag.parse()?)
}

pub(super) fn ledger_by_number(entries: &[Received]) -> Result<BTreeMap<usize, &Received>> {
    let mut found = BTreeMap::new();
    for entry in entries {
        let tag = entry.tag.as_deref().and_then(|tag| tag.strip_prefix('t')).context("no tag")?;
        ensure!(found.insert(tag.parse()?, entry).is_none(), "the upstream saw request {tag} twice");
    }
    Ok(found)
}

/// A row of an answer that arrived whole says what the upstream said it used, to the token.
pub(super) fn check_row(n: usize, row: &Value, entry: &Received) {
    let complete = row["ended"] == "complete";
    let answered = matches!(entry.outcome, Outcome::Answered { .. });
    if complete {
        assert!(answered, "request {n} counts as complete, but the upstream says {:?}", entry.outcome);
        assert_eq!(row["source"], "upstream", "request {n}");
        let used = entry.usage.as_ref().unwrap();
        assert_eq!(row["usage"]["input"], used.input, "request {n}");
        assert_eq!(row["usage"]["output"], used.output, "request {n}");
    } else if row["source"] == "upstream" {
        // hung up after the provider had said everything
        assert_eq!(row["usage"]["output"], 10 + n, "request {n}");
    }
}

async fn start(upstream: &ScriptedUpstream) -> Result<Gateway> {
    Builder::new()?.upstream(&upstream.url()).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_mixed_requests_leave_one_row_each() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let done = Arc::default();
    let answered = send_all(gateway.url(), 0..REQUESTS, &done).await?;
    assert_eq!(answered.len(), REQUESTS, "every request was answered");
    gateway.settled().await?;
    let entries = upstream.ledger().wait_settled(penstock_tests::http::PATIENCE).await?;
    let (rows, ledger) = (gateway.usage().await?, ledger_by_number(&entries)?);
    let rows = by_number(&rows)?;
    assert!(rows.keys().eq(ledger.keys()), "one row for each request that the upstream saw");
    assert_eq!(rows.len(), REQUESTS);
    for (n, row) in &rows {
        check_row(*n, row, ledger[n]);
        let expected = if Mixed(*n).hangs_up() { "client_gone" } else { "complete" };
        assert_eq!(row["ended"], expected, "request {n}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_with_a_kill_and_a_restart_in_the_middle() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let done = Arc::<AtomicUsize>::default();
    let first = {
        let (url, done) = (gateway.url().to_owned(), Arc::clone(&done));
        tokio::spawn(async move { send_all(&url, 0..REQUESTS / 2, &done).await })
    };
    while done.load(Ordering::Relaxed) < REQUESTS / 4 {
        tokio::task::yield_now().await;
    }
    let data = gateway.kill()?;
    let mut answered = first.await??;
    assert!(answered.len() < REQUESTS / 2, "the kill came in the middle");

    let gateway = Builder::on(data).upstream(&upstream.url()).start().await?;
    answered.extend(send_all(gateway.url(), REQUESTS / 2..REQUESTS, &done).await?);
    gateway.settled().await?;
    let entries = upstream.ledger().wait_settled(penstock_tests::http::PATIENCE).await?;
    let (rows, ledger) = (gateway.usage().await?, ledger_by_number(&entries)?);
    let rows = by_number(&rows)?;
    for (n, entry) in &ledger {
        let row = rows.get(n).with_context(|| format!("request {n} was lost"))?;
        check_row(*n, row, entry);
    }
    for n in &answered {
        assert_eq!(rows[n]["ended"] == "complete", !Mixed(*n).hangs_up(), "request {n}: {}", rows[n]);
    }
    // a request is noted before it is sent: one that the kill caught in between is settled as
    // interrupted, with an estimate, since nobody can know that the provider never saw it
    for (n, row) in rows.iter().filter(|(n, _)| !ledger.contains_key(n)) {
        assert_eq!(
            (&row["ended"], &row["source"]),
            (&"interrupted".into(), &"estimated".into()),
            "request {n}"
        );
    }
    let unseen = rows.len() - ledger.len();
    assert!(unseen <= AT_ONCE, "{unseen} rows for requests that the upstream never saw");
    let interrupted = rows.values().filter(|row| row["ended"] == "interrupted").count();
    assert!((1..=2 * AT_ONCE).contains(&interrupted), "{interrupted} requests were open when it was killed");
    Ok(())
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_the_provider_and_pays_for_what_came() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for (path, provider) in [("/v1/chat/completions", "openai"), ("/v1/messages", "anthropic")] {
        let body = format!(
            r#"{{"model":"{provider}/scripted@tag={provider}:stall-after=6:tokens=70:900","stream":true,"messages":[{{"role":"user","content":"{}"}}]}}"#,
            "words ".repeat(40)
        );
        let mut response = post(gateway.at(path), body).open().await?;
        let mut seen = 0;
        while seen < 6 {
            let frame = read_frame(response.body_mut()).await?;
            seen += String::from_utf8_lossy(&frame).matches("data: ").count();
        }
        drop(response);
        let gone =
            |entries: &[Received]| entries.last().is_some_and(|entry| entry.outcome == Outcome::ClientGone);
        upstream.ledger().wait_until(penstock_tests::http::PATIENCE, gone).await?;
    }
    let rows = gateway.usage_of(2).await?;
    for row in &rows {
        assert_eq!((&row["ended"], &row["source"]), (&"client_gone".into(), &"estimated".into()), "{row}");
        assert!(row["usage"]["output"].as_u64() > Some(0), "{row}");
    }
    let input = |row: &Value| row["usage"]["input"].as_u64().unwrap_or(0);
    assert!((50..100).contains(&input(&rows[0])), "an estimate of 240 bytes of text: {}", rows[0]);
    assert_eq!(input(&rows[1]), 70, "this provider says its input at the start: {}", rows[1]);
    Ok(())
}

#[tokio::test]
async fn a_drained_answer_is_settled_with_the_providers_own_figures() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("on_client_gone", "drain").start().await?;
    let body =
        r#"{"model":"openai/scripted@tokens=70:900:chunks=20:delay-ms=5","stream":true,"messages":[]}"#;
    let mut response = post(gateway.at("/v1/chat/completions"), body).open().await?;
    read_frame(response.body_mut()).await?;
    drop(response);
    let rows = gateway.usage_of(1).await?;
    assert_eq!(
        (&rows[0]["ended"], &rows[0]["source"]),
        (&"client_gone".into(), &"upstream".into()),
        "{}",
        rows[0]
    );
    assert_eq!(rows[0]["usage"]["output"], 900);
    assert_eq!(upstream.requests()[0].outcome, Outcome::Answered { status: 200 });
    Ok(())
}

#[tokio::test]
async fn usage_is_stored_raw_and_normalised_and_priced() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let price = r#"price = { input = "0.15", output = "0.60", cache_read = "0.075" }"#;
    let file = format!(
        "[[providers]]\nname = \"openai\"\nbase_url = \"{}/v1\"\ncredentials = [{{ name = \"main\", api_key = \"sk-1\" }}]\n\
         models = [{{ id = \"scripted@tokens=1000:200:400:50\", {price} }}, {{ id = \"scripted@no-usage\", {price} }}]\n",
        upstream.url()
    );
    let gateway = Builder::new()?.file(&file).start().await?;
    for model in ["scripted@tokens=1000:200:400:50", "scripted@no-usage"] {
        let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"12345678"}}]}}"#);
        let answer = post(gateway.at("/v1/chat/completions"), body).send().await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let rows = gateway.usage_of(2).await?;
    let usage = &rows[0]["usage"];
    assert_eq!(
        (&usage["input"], &usage["cache_read"], &usage["output"], &usage["reasoning"]),
        (&600.into(), &400.into(), &200.into(), &50.into())
    );
    // (600 × 0.15 + 400 × 0.075 + 200 × 0.60) ÷ 1,000,000
    assert_eq!(rows[0]["cost"], "0.00024");
    assert!(rows[0]["raw_usage"].as_str().unwrap().contains("\"prompt_tokens\""), "{}", rows[0]);
    assert_eq!((&rows[1]["source"], &rows[1]["raw_usage"]), (&"estimated".into(), &Value::Null));
    assert_ne!(rows[1]["cost"], Value::Null);
    Ok(())
}

/// Holds the control store's write lock, as a stuck process would, until it is dropped.
struct Locked(std::process::Child);

impl Locked {
    fn hold(database: &std::path::Path) -> Result<Self> {
        const HOLD: &str = "import sqlite3, sys\n\
            connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n\
            connection.execute('BEGIN EXCLUSIVE')\n\
            print('held', flush=True)\n\
            sys.stdin.read()";
        let python = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/python/bin/python");
        let mut child = std::process::Command::new(python)
            .args(["-c", HOLD])
            .arg(database)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .context("python is missing: run scripts/test-tools.sh (`make test` does)")?;
        let mut held = [0; 4];
        std::io::Read::read_exact(child.stdout.as_mut().context("no output")?, &mut held)?;
        Ok(Self(child))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn while_the_control_store_cannot_be_written_requests_are_served_and_nothing_is_lost() -> Result<()> {
    const BEFORE_THE_KILL: usize = 20;
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let locked = Locked::hold(&gateway.data_dir().join("penstock.db"))?;
    for n in 0..BEFORE_THE_KILL {
        ensure!(Mixed(n * 20).send(gateway.url()).await?, "request {n} was not answered");
    }
    // the store's own patience is five seconds; then the log says, once, that settlements wait
    let waiting = "settlements wait in the journal";
    let start = std::time::Instant::now();
    while !gateway.log()?.contains(waiting) {
        ensure!(start.elapsed() < penstock_tests::http::PATIENCE, "the log does not say so");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(gateway.usage().await?.len(), 0, "reading goes on, and nothing was written");
    let data = gateway.kill()?;
    drop(locked);
    let gateway = Builder::on(data).upstream(&upstream.url()).start().await?;
    let rows = gateway.usage().await?;
    assert_eq!(by_number(&rows)?.len(), BEFORE_THE_KILL, "each once, also across a kill meanwhile");
    assert!(rows.iter().all(|row| row["ended"] == "complete"), "{rows:?}");
    assert_eq!(gateway.log()?.matches(waiting).count(), 1);
    Ok(())
}
