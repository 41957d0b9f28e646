//! Clients of one dialect and providers of the other, over plain HTTP.

mod faults;
mod losses;
mod refusals;
mod requests;
mod settlements;

use anyhow::{Context, Result};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{Answer, post};
use penstock_tests::upstream::{Received, ScriptedUpstream};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
/// Each client's path, with the provider that speaks the other dialect.
const DIRECTIONS: [(&str, &str); 2] = [(CHAT, "anthropic"), (MESSAGES, "openai")];

/// A gateway with short timeouts.
async fn start(upstream: &ScriptedUpstream) -> Result<Gateway> {
    let builder = Builder::new()?.upstream(&upstream.url());
    builder.set("timeouts.first_byte", "400ms").set("timeouts.idle", "400ms").start().await
}

/// A request that both dialects understand.
fn hello(model: &str) -> Value {
    json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]})
}

/// The same with more fields.
fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

/// A request for a stream, as it is sent.
fn for_a_stream(model: &str) -> String {
    with(hello(model), &json!({"stream": true})).to_string()
}

async fn send(gateway: &Gateway, path: &str, body: &Value) -> Result<Answer> {
    post(gateway.at(path), body.to_string()).send().await
}

async fn ask(gateway: &Gateway, path: &str, model: &str, stream: bool) -> Result<Answer> {
    send(gateway, path, &with(hello(model), &json!({"stream": stream}))).await
}

/// Status, type and message of an error in the shape of the client's dialect.
fn error(path: &str, answer: &Answer) -> Result<(u16, String, String)> {
    let body = answer.json()?;
    if path == MESSAGES {
        assert_eq!(body["type"], "error", "{body}");
        assert!(body["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{body}");
    } else {
        assert!(body["error"].get("code").is_some() && body["error"].get("param").is_some(), "{body}");
    }
    let text = |name: &str| body["error"][name].as_str().map(str::to_owned);
    Ok((answer.status.as_u16(), text("type").context("no type")?, text("message").context("no message")?))
}

fn last(upstream: &ScriptedUpstream) -> Result<Received> {
    upstream.requests().pop().context("nothing reached the upstream")
}
