//! Routing by records: who is chosen, who is left alone, and how soon a change holds.

mod breaker;
mod changes;
mod seed;
mod strategies;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use penstock_tests::gateway::Gateway;
use penstock_tests::http::{Answer, PATIENCE, post};
use penstock_tests::upstream::{Received, ScriptedUpstream};

/// Asks for a model.
async fn ask(gateway: &Gateway, model: &str) -> Result<Answer> {
    let body = serde_json::json!({"model": model, "messages": []}).to_string();
    post(gateway.at("/v1/chat/completions"), body).send().await
}

/// So many requests, each of which has to be answered.
async fn requests(gateway: &Gateway, model: &str, number: usize) -> Result<()> {
    for _ in 0..number {
        let answer = ask(gateway, model).await?;
        ensure!(answer.status == 200, "{}: {}\n{}", answer.status, answer.text(), gateway.log()?);
    }
    Ok(())
}

/// How many requests came in with a key.
fn with_key(upstream: &ScriptedUpstream, key: &str) -> usize {
    let bearer = format!("Bearer {key}");
    let has_it = |request: &&Received| request.header("authorization") == Some(&bearer);
    upstream.requests().iter().filter(has_it).count()
}

/// The lines of the log that hold all of these.
fn said(gateway: &Gateway, words: &[&str]) -> Result<usize> {
    let log = gateway.log()?;
    Ok(log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count())
}

/// Waits until the log, which a thread of its own writes, has so many lines with these words, and no more.
async fn told(gateway: &Gateway, words: &[&str], lines: usize) -> Result<()> {
    let start = Instant::now();
    while said(gateway, words)? < lines {
        ensure!(start.elapsed() < PATIENCE, "{words:?}: {}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(said(gateway, words)?, lines, "{words:?}: {}", gateway.log()?);
    Ok(())
}
