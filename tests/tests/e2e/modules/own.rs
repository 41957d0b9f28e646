//! A key's own pipeline.

use anyhow::Result;
use penstock_tests::gateway::{ADMIN_KEY, Builder};
use penstock_tests::http::{get, post};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::{Value, json};

use super::{CHAT, chat};

/// A user's key with this pipeline; the key, and its id.
async fn key(gateway: &penstock_tests::gateway::Gateway, pipeline: &str) -> Result<(u16, Value)> {
    let admin = |path: &str, body: Value| {
        post(gateway.at(&format!("/admin/v1/{path}")), body.to_string()).key(ADMIN_KEY).send()
    };
    gateway.make_key("ada", "*")?;
    let answer = admin("users/ada/keys", json!({ "pipeline": pipeline })).await?;
    Ok((answer.status.as_u16(), answer.json()?))
}

#[tokio::test]
async fn a_key_s_own_pipeline_comes_before_the_gateway_s() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("pipe", "exact-cache").start().await?;
    let (status, made) = key(&gateway, "request-log").await?;
    assert_eq!(status, 201, "{made}");
    let secret = made["key"].as_str().unwrap_or_default();
    let shown = get(gateway.at("/v1/pipeline")).key(secret).send().await?.json()?;
    assert_eq!(shown["modules"][0]["name"], "request-log");
    assert_eq!(post(gateway.at(CHAT), chat("openai/scripted", "hi")).key(secret).send().await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_pipeline_that_cannot_run_is_refused_when_it_is_saved() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let (status, problem) = key(&gateway, "exakt-cache").await?;
    assert_eq!(status, 422, "{problem}");
    assert!(problem.to_string().contains("there is no module `exakt-cache`"), "{problem}");
    Ok(())
}
