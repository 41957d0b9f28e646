//! Answers out of the exact cache, for whom they are and for whom they are not.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{Answer, PATIENCE, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

use super::{CHAT, MESSAGES, ask, chat, known_key, streamed};

/// Asks until the answer is out of the cache: it is kept behind the answer that was asked for first.
async fn until_hit(gateway: &Gateway, path: &str, body: &str) -> Result<Answer> {
    let start = Instant::now();
    loop {
        let answer = ask(gateway, path, body.to_owned()).await?;
        ensure!(answer.status == 200, "{}", answer.text());
        if answer.header("x-penstock-cache").is_some() {
            return Ok(answer);
        }
        ensure!(start.elapsed() < PATIENCE, "it never was: {}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn caching(upstream: &ScriptedUpstream) -> Result<Gateway> {
    Builder::new()?.upstream(&upstream.url()).set("pipe", "exact-cache").start().await
}

#[tokio::test]
async fn a_hit_says_what_the_provider_said() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = caching(&upstream).await?;
    for path in [CHAT, MESSAGES] {
        let provider = if path == CHAT { "openai" } else { "anthropic" };
        let body = chat(&format!("{provider}/scripted"), path);
        let first = ask(&gateway, path, body.clone()).await?.json()?;
        let hit = until_hit(&gateway, path, &body).await?;
        assert_eq!(hit.header("x-penstock-cache"), Some("exact-cache"));
        let (hit, asked) = (hit.json()?, upstream.requests().len());
        for field in ["model", "choices", "content", "stop_reason", "usage", "id"] {
            assert_eq!(hit[field], first[field], "{path}: {field}");
        }
        until_hit(&gateway, path, &body).await?;
        assert_eq!(upstream.requests().len(), asked, "nobody is asked for a hit");
    }
    Ok(())
}

/// Asks through an official library, again and again until it is a hit, as one answer and as a stream.
#[tokio::test]
async fn the_official_clients_read_hits_as_they_read_answers() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = caching(&upstream).await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join(".tools/python/bin/python");
    ensure!(python.exists(), "the Python clients are missing: run scripts/test-tools.sh (`make test` does)");
    let mut command = tokio::process::Command::new(python);
    command.arg(root.join("tests/clients/python/cache_cases.py")).env("PENSTOCK_URL", gateway.url());
    let output = command.output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let cases = text.lines().map(serde_json::from_str).collect::<Result<Vec<serde_json::Value>, _>>()?;
    ensure!(
        output.status.success() && cases.len() == 4 && cases.iter().all(|case| case["ok"] == true),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(upstream.requests().len(), 2, "one for each library; all else were hits");
    Ok(())
}

#[tokio::test]
async fn a_hit_is_replayed_as_the_stream_that_was_asked_for() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = caching(&upstream).await?;
    let body = chat("openai/scripted", "as a stream");
    let text = ask(&gateway, CHAT, body.clone()).await?.json()?["choices"][0]["message"]["content"].take();
    until_hit(&gateway, CHAT, &body).await?;
    let stream = ask(&gateway, CHAT, streamed("openai/scripted", "as a stream")).await?;
    assert_eq!(stream.header("x-penstock-cache"), Some("exact-cache"));
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let chunks = stream.text();
    let events: Vec<serde_json::Value> = chunks
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let said: String =
        events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(json!(said), text);
    assert!(chunks.ends_with("data: [DONE]\n\n"), "{chunks}");
    Ok(())
}

#[tokio::test]
async fn a_stream_is_kept_for_those_who_want_it_whole() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = caching(&upstream).await?;
    let stream = ask(&gateway, MESSAGES, streamed("anthropic/scripted", "once")).await?;
    assert_eq!(stream.status, 200);
    let hit = until_hit(&gateway, MESSAGES, &chat("anthropic/scripted", "once")).await?.json()?;
    assert_eq!(hit["type"], "message");
    assert!(stream.text().contains("message_stop"));
    Ok(())
}

#[tokio::test]
async fn nobody_else_and_nothing_else_hits() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = caching(&upstream).await?;
    let ada = known_key(&gateway, "ada", "*").await?;
    let bob = known_key(&gateway, "bob", "*").await?;
    let body = json!({
        "model": "openai/scripted", "max_tokens": 64, "temperature": 0.5,
        "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": "hi" }],
        "tools": [{ "type": "function", "function": { "name": "t", "parameters": {} } }],
    });
    let asked = async |key: &str, body: &serde_json::Value| {
        post(gateway.at(CHAT), body.to_string()).key(key).send().await
    };
    let start = Instant::now();
    while asked(&ada, &body).await?.header("x-penstock-cache").is_none() {
        ensure!(start.elapsed() < PATIENCE, "it never was");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let other = |field: &str, value: serde_json::Value| {
        let mut body = body.clone();
        body[field] = value;
        body
    };
    let system = json!([{ "role": "system", "content": "be long" }, { "role": "user", "content": "hi" }]);
    let others = [
        (&bob, body.clone()),
        (&ada, other("model", json!("openai/scripted@tag=other"))),
        (&ada, other("messages", system)),
        (
            &ada,
            other("tools", json!([{ "type": "function", "function": { "name": "u", "parameters": {} } }])),
        ),
        (&ada, other("temperature", json!(0.50001))),
        (&ada, other("max_tokens", json!(65))),
        (&ada, other("seed", json!(1))),
    ];
    for (key, body) in others {
        let answer = asked(key, &body).await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-penstock-cache"), None, "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn callers_with_keys_of_their_own_have_caches_of_their_own() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = caching(&upstream).await?;
    let body = chat("openai/scripted", "mine");
    let asked = async |key: &str| post(gateway.at(CHAT), body.clone()).key(key).send().await;
    let start = Instant::now();
    while asked("sk-own-one-0123456789").await?.header("x-penstock-cache").is_none() {
        ensure!(start.elapsed() < PATIENCE, "it never was");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(asked("sk-own-two-0123456789").await?.header("x-penstock-cache"), None);
    assert_eq!(
        ask(&gateway, CHAT, body.clone()).await?.header("x-penstock-cache"),
        None,
        "nor does open mode"
    );
    Ok(())
}

#[tokio::test]
async fn the_same_question_many_times_at_once_is_asked_once() -> Result<()> {
    const CLIENTS: usize = 50;
    let upstream = ScriptedUpstream::start().await?;
    let gateway = caching(&upstream).await?;
    let body = chat("openai/scripted@delay-ms=300", "together");
    let asked = (0..CLIENTS).map(|_| ask(&gateway, CHAT, body.clone()));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer?.status, 200);
    }
    assert_eq!(upstream.requests().len(), 1);
    Ok(())
}
