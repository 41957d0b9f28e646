//! Modules around the call: which run, what they do to a request and its answer, and what they leave behind.

mod budget;
mod cache;
mod loading;
mod logged;
mod own;
mod scripts;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use penstock_tests::gateway::Gateway;
use penstock_tests::http::{Answer, PATIENCE, get, post};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// A chat request with one message.
fn chat(model: &str, text: &str) -> String {
    json!({ "model": model, "max_tokens": 64, "messages": [{ "role": "user", "content": text }] }).to_string()
}

/// The same, streamed.
fn streamed(model: &str, text: &str) -> String {
    let messages = json!([{ "role": "user", "content": text }]);
    json!({ "model": model, "max_tokens": 64, "stream": true, "messages": messages }).to_string()
}

async fn ask(gateway: &Gateway, path: &str, body: String) -> Result<Answer> {
    post(gateway.at(path), body).send().await
}

/// What an error says.
fn error(answer: &Answer) -> Result<Value> {
    Ok(answer.json()?["error"].take())
}

/// A key that the gateway knows already: one that another process makes is seen a moment later.
pub(crate) async fn known_key(gateway: &Gateway, user: &str, allow: &str) -> Result<String> {
    let key = gateway.make_key(user, allow)?;
    let start = Instant::now();
    while get(gateway.at("/v1/models")).key(&key).send().await?.status != 200 {
        ensure!(start.elapsed() < PATIENCE, "the key of {user} is never known: {}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(key)
}

/// Waits until the log says something.
async fn told(gateway: &Gateway, words: &str) -> Result<()> {
    let start = Instant::now();
    while !gateway.log()?.contains(words) {
        ensure!(start.elapsed() < PATIENCE, "{words:?}: {}", gateway.log()?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Writes a file as editors do: whole, or not at all.
fn save(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("saving");
    std::fs::write(&beside, text)?;
    Ok(std::fs::rename(beside, path)?)
}
