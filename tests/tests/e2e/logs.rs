//! Logs of requests: nothing unless the settings ask for it, and then without what must not be kept.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use penstock_control::{ControlStore as _, DownstreamRequest, Dsn, LogBatch, Store};
use penstock_core::{Clock as _, RequestId, SystemClock, Timestamp};
use penstock_tests::gateway::{ADMIN_KEY, Builder, Gateway};
use penstock_tests::http::{PATIENCE, get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::{Value, json};

async fn settings(gateway: &Gateway, changes: Value) -> Result<()> {
    let path = gateway.at("/admin/v1/settings/default");
    let changed = post(path, changes.to_string()).method(Method::PATCH).key(ADMIN_KEY).send().await?;
    if changed.status == 404 {
        let mut body = changes;
        body["instance_name"] = "default".into();
        let made = post(gateway.at("/admin/v1/settings"), body.to_string()).key(ADMIN_KEY).send().await?;
        ensure!(made.status == 201, "{}", made.text());
    } else {
        ensure!(changed.status == 200, "{}", changed.text());
    }
    Ok(())
}

async fn logs(gateway: &Gateway) -> Result<Vec<Value>> {
    let answer = get(gateway.at("/admin/v1/logs?limit=100")).key(ADMIN_KEY).send().await?;
    ensure!(answer.status == 200, "{}", answer.text());
    Ok(answer.json()?["data"].as_array().context("no rows")?.clone())
}

/// Asks until there are so many.
async fn logs_of(gateway: &Gateway, rows: usize) -> Result<Vec<Value>> {
    let start = Instant::now();
    loop {
        let found = logs(gateway).await?;
        if found.len() >= rows {
            return Ok(found);
        }
        ensure!(start.elapsed() < PATIENCE, "{} of {rows} rows", found.len());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn ask(gateway: &Gateway, body: &Value) -> Result<()> {
    let call = post(gateway.at("/v1/chat/completions"), body.to_string());
    let answer = call.send().await?;
    ensure!(answer.status == 200, "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn requests_are_logged_if_the_settings_say_so_and_without_what_they_name() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("byok", "false").start().await?;
    let key = gateway.make_key("ada", "*")?;
    let ask = async |body: Value| -> Result<()> {
        let call = post(gateway.at("/v1/chat/completions?a=1&key=AIza-in-the-query"), body.to_string());
        let call = call.key(&key).header("x-team", "blue").header("cookie", "session=very-secret");
        let answer = call.send().await?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(())
    };
    // the key is seen by the running gateway in a moment
    let start = Instant::now();
    while let Err(error) = ask(json!({"model": "openai/scripted", "messages": []})).await {
        ensure!(start.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let said = |text: &str| json!({"model": "openai/scripted", "ssn": "078-05-1120", "messages": [{"role": "user", "content": text}]});
    ask(said("before")).await?;
    settings(
        &gateway,
        json!({"log_downstream": true, "log_upstream": true, "capture_bodies": true, "capture_max_bytes": 100_000,
               "redaction": ["ssn", "x-team"]}),
    )
    .await?;
    ask(said("short")).await?;
    ask(said(&"long ".repeat(10_000))).await?;
    let rows = logs_of(&gateway, 2).await?;
    ensure!(rows.len() == 2, "what came before is not logged: {rows:?}");
    let text = serde_json::to_string(&rows)?;
    for secret in ["very-secret", "AIza-in", "078-05", "blue", &key, "sk-upstream-openai"] {
        ensure!(!text.contains(secret), "{secret} is in the logs: {text}");
    }
    let [short, long] = rows.as_slice() else { anyhow::bail!("{rows:?}") };
    ensure!(short["path"] == "/v1/chat/completions" && short["query"] == "a=1" && short["status"] == 200);
    ensure!(short["body"].as_str().is_some_and(|body| body.contains("short") && body.contains("[redacted]")));
    ensure!(short["response_body"].as_str().is_some_and(|body| body.contains("chat.completion")), "{short}");
    let attempt = &short["upstream"][0];
    ensure!(
        attempt["provider"] == "openai" && attempt["status"] == 200 && attempt["attempt"] == 1,
        "{short}"
    );
    ensure!(attempt["url"].as_str().is_some_and(|url| url.ends_with("/v1/chat/completions")), "{attempt}");
    // too long for a row: it is a file
    let name = long["body"].as_str().and_then(|body| body.strip_prefix("blob:")).context("no file")?;
    ensure!(name.starts_with("penstock-logs/") && name.ends_with("-request"), "{name}");
    let kept = files(&gateway.data_dir().join("blobs"))?;
    let kept = kept.iter().find(|text| text.contains("long long")).context("no file has the body")?;
    ensure!(kept.contains("long long") && kept.contains("[redacted]") && !kept.contains("078-05"));
    settings(&gateway, json!({"log_downstream": false, "log_upstream": false})).await?;
    ask(said("after")).await?;
    gateway.settled().await?;
    ensure!(logs(&gateway).await?.len() == 2);
    Ok(())
}

/// The content of all files in a folder, however deep.
fn files(folder: &std::path::Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(String::from_utf8_lossy(&std::fs::read(&path)?).into_owned());
        }
    }
    Ok(found)
}

/// A request of two days ago.
fn old() -> DownstreamRequest {
    let at = Timestamp(SystemClock.now().0 - 2 * 24 * 60 * 60 * 1_000);
    DownstreamRequest {
        request_id: RequestId::new(at),
        at,
        method: "POST".to_owned(),
        path: "/v1/messages".to_owned(),
        query: None,
        status: 200,
        headers: None,
        body: Some("long ago".to_owned()),
        response_body: None,
    }
}

#[tokio::test]
async fn what_is_too_old_is_removed_and_nothing_else() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway =
        Builder::new()?.upstream(&upstream.url()).set("retention.interval", "200ms").start().await?;
    settings(&gateway, json!({"log_downstream": true, "capture_bodies": true})).await?;
    ask(&gateway, &json!({"model": "openai/scripted", "messages": []})).await?;
    let store = Store::open(&Dsn::Sqlite(gateway.data_dir().join("penstock.db"))).await?;
    store.record(&LogBatch { downstream: vec![old()], upstream: Vec::new() }).await?;
    store.close().await?;
    let is_old = |row: &Value| row["path"] == "/v1/messages";
    let rows = logs_of(&gateway, 2).await?;
    ensure!(rows.iter().filter(|row| is_old(row)).count() == 1, "{rows:?}");
    // first its body, then all of it
    settings(&gateway, json!({"body_retention_days": 1})).await?;
    let start = Instant::now();
    while logs(&gateway).await?.iter().any(|row| is_old(row) && !row["body"].is_null()) {
        ensure!(start.elapsed() < PATIENCE, "the body stays: {}", gateway.log()?);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    ensure!(logs(&gateway).await?.len() == 2);
    settings(&gateway, json!({"retention_days": 1})).await?;
    while logs(&gateway).await?.iter().any(is_old) {
        ensure!(start.elapsed() < PATIENCE, "nothing is removed: {}", gateway.log()?);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let rows = logs(&gateway).await?;
    ensure!(rows.len() == 1 && rows[0]["body"].is_string(), "what is new stays: {rows:?}");
    ensure!(gateway.usage_of(1).await?.len() == 1, "and so does usage");
    ensure!(gateway.log()?.contains("removed what was older"), "{}", gateway.log()?);
    Ok(())
}

/// The rows of so many requests, once each has what its provider answered.
async fn answered(gateway: &Gateway, rows: usize) -> Result<Vec<Value>> {
    let start = Instant::now();
    loop {
        let found = logs(gateway).await?;
        let is_whole =
            |row: &Value| row["upstream"][0]["response_body"].is_string() && row["response_body"].is_string();
        if found.len() == rows && found.iter().all(is_whole) {
            return Ok(found);
        }
        ensure!(start.elapsed() < PATIENCE, "of {rows} rows: {found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_a_provider_answered_is_logged_as_it_was_sent() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let on = json!({"log_downstream": true, "log_upstream": true, "capture_bodies": true, "capture_max_bytes": 12_000,
                    "redaction": ["finish_reason"]});
    settings(&gateway, on).await?;
    let chat = gateway.at("/v1/chat/completions");
    let calls = [
        post(&chat, r#"{"model":"openai/scripted","messages":[]}"#),
        // the gateway asks for usage, which the client did not, and takes it out again
        post(&chat, r#"{"model":"openai/scripted@tokens=41:17","stream":true,"messages":[]}"#),
        post(gateway.at("/v1/messages"), r#"{"model":"openai/scripted","max_tokens":9,"messages":[]}"#),
        post(&chat, r#"{"model":"openai/scripted@chunks=200","stream":true,"messages":[]}"#),
    ];
    let mut rows = Vec::new();
    for (number, call) in calls.into_iter().enumerate() {
        let answer = call.send().await?;
        ensure!(answer.status == 200, "{}", answer.text());
        let found = answered(&gateway, number + 1).await?;
        let known: Vec<_> = rows.iter().map(|row: &Value| row["request_id"].clone()).collect();
        rows.extend(found.into_iter().filter(|row| !known.contains(&row["request_id"])));
    }
    let text = |row: &Value| row["upstream"][0]["response_body"].as_str().unwrap_or_default().to_owned();
    let [document, stream, translated, long] = rows.as_slice() else { anyhow::bail!("{rows:?}") };
    ensure!(
        text(document).contains("\"chat.completion\"") && text(document).contains("[redacted]"),
        "{document}"
    );
    ensure!(text(stream).contains("\"completion_tokens\":17") && text(stream).contains("[DONE]"), "{stream}");
    ensure!(
        !stream["response_body"].to_string().contains("completion_tokens"),
        "the client saw none: {stream}"
    );
    ensure!(text(translated).contains("\"chat.completion\""), "as the provider speaks: {translated}");
    ensure!(translated["response_body"].to_string().contains("\\\"message\\\""), "{translated}");
    ensure!(text(long).ends_with("… (cut)") && text(long).len() < 13_000, "{long}");

    // a client that goes away leaves what came until then
    let call = post(&chat, r#"{"model":"openai/scripted@stall-after=3","stream":true,"messages":[]}"#);
    let mut response = call.open().await?;
    penstock_tests::http::read_frame(response.body_mut()).await?;
    drop(response);
    let found = answered(&gateway, 5).await?;
    let gone = found.iter().find(|row| row["body"].to_string().contains("stall-after")).context("no row")?;
    ensure!(text(gone).contains("chat.completion.chunk") && !text(gone).contains("[DONE]"), "{gone}");

    settings(&gateway, json!({"capture_bodies": false})).await?;
    ask(&gateway, &json!({"model": "openai/scripted", "messages": []})).await?;
    let found = logs_of(&gateway, 6).await?;
    let bare = |row: &&Value| row["response_body"].is_null() && row["upstream"][0]["response_body"].is_null();
    ensure!(found.iter().filter(bare).count() == 1, "{found:?}");
    Ok(())
}
