//! Caps that hold: whoever asks how often at the same time, and across `kill -9`.

use anyhow::{Result, ensure};
use futures_util::stream::{self, StreamExt as _};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::{PATIENCE, post, read_frame};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;
use std::time::{Duration, Instant};

use super::{CHAT, ask, chat, error, streamed};

/// The models that these tests ask for; what stands behind the `@` is for the upstream.
const MODELS: [&str; 4] =
    ["scripted", "scripted@tokens=1:64", "scripted@tokens=5:5", "scripted@chunks=50:delay-ms=20"];

/// Each of them costs a dollar for a million tokens in or out, so that a token is a micro-dollar.
fn prices(providers: &[&str]) -> String {
    let models = providers.iter().flat_map(|provider| {
        MODELS.map(|id| {
            format!("[[model]]\nprovider = \"{provider}\"\nid = \"{id}\"\ninput = \"1\"\noutput = \"1\"\n")
        })
    });
    format!("version = \"test\"\n{}", models.collect::<String>())
}

/// A gateway whose users may spend so much a day.
async fn guarded(data: DataDir, upstream: &ScriptedUpstream, per_day: &str) -> Result<Gateway> {
    let (catalogue, pipeline) = (data.path().join("catalogue.toml"), data.path().join("pipeline.yaml"));
    std::fs::write(&catalogue, prices(&["openai"]))?;
    std::fs::write(&pipeline, format!("- cost-guard: {{ perDay: {per_day} }}\n"))?;
    let builder = Builder::on(data).upstream(&upstream.url());
    let builder = builder.set("catalogue", &catalogue.display().to_string());
    builder.set("pipe_file", &pipeline.display().to_string()).start().await
}

/// It is charged 65 tokens, which is no more than it reserves: the 64 of its answer and what its text is taken for.
const EXACT: &str = "openai/scripted@tokens=1:64";
const COST: usize = 65;

#[tokio::test]
async fn a_thousand_at_once_get_what_the_cap_allows_and_no_more() -> Result<()> {
    const REQUESTS: usize = 1_000;
    /// In micro-dollars, for some hundred of them.
    const CAP: usize = 7_000;
    let upstream = ScriptedUpstream::start().await?;
    let gateway = guarded(DataDir::new()?, &upstream, "0.007").await?;
    let mut answers = stream::iter(0..REQUESTS)
        .map(|number| {
            let body = if number % 3 == 0 { streamed(EXACT, "hi") } else { chat(EXACT, "hi") };
            ask(&gateway, CHAT, body)
        })
        .buffer_unordered(64);
    let (mut answered, mut refused) = (0, 0);
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        match answer.status.as_u16() {
            200 => answered += 1,
            429 => {
                refused += 1;
                let error = error(&answer)?;
                assert_eq!(error["type"], "cost_limit_per_day", "{error}");
                assert!(error["resets_at"].as_str().is_some_and(|at| at.ends_with("T00:00:00Z")), "{error}");
            }
            status => anyhow::bail!("{status}: {}", answer.text()),
        }
    }
    drop(answers);
    assert_eq!(answered + refused, REQUESTS);
    assert_eq!(upstream.requests().len(), answered, "who was refused reached nobody");
    gateway.settled().await?;
    let rows = gateway.usage().await?;
    assert_eq!(rows.len(), answered);
    let spent = answered * COST;
    assert!(spent <= CAP, "{answered} were answered, for {spent} of {CAP}");
    // what is left is less than one more reserves, whose text may be taken for more tokens than it is
    assert!(spent + 3 * COST > CAP, "{answered} were answered, for {spent} of {CAP}");
    Ok(())
}

#[tokio::test]
async fn what_was_spent_is_spent_after_a_kill() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = guarded(DataDir::new()?, &upstream, "0.0003").await?;
    let mut answered = 0;
    while ask(&gateway, CHAT, chat(EXACT, "hi")).await?.status == 200 {
        answered += 1;
        ensure!(answered < 100, "the cap does not hold");
    }
    ensure!(answered > 0, "the cap allows some");
    // what modules keep is on its way to the disk for a tenth of a second
    tokio::time::sleep(Duration::from_millis(500)).await;
    let gateway = guarded(gateway.kill()?, &upstream, "0.0003").await?;
    let answer = ask(&gateway, CHAT, chat(EXACT, "hi")).await?;
    assert_eq!(answer.status, 429, "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn a_client_who_hangs_up_pays_what_it_got_and_no_more() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = guarded(DataDir::new()?, &upstream, "0.0005").await?;
    // reserves 400 and more, and is left after the first of many pieces
    let body = json!({
        "model": "openai/scripted@chunks=50:delay-ms=20", "stream": true, "max_tokens": 400,
        "messages": [{ "role": "user", "content": "hi" }],
    });
    let mut response = post(gateway.at(CHAT), body.to_string()).open().await?;
    read_frame(response.body_mut()).await?;
    let second = ask(&gateway, CHAT, body.to_string().replace("\"stream\":true", "\"stream\":false")).await?;
    assert_eq!(second.status, 429, "all of the first is reserved: {}", second.text());
    drop(response);
    let start = Instant::now();
    loop {
        let answer = ask(&gateway, CHAT, chat("openai/scripted@tokens=5:5", "hi")).await?;
        let wide =
            ask(&gateway, CHAT, body.to_string().replace("\"stream\":true", "\"stream\":false")).await?;
        if wide.status == 200 {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "it is never given back: {} {}", answer.status, wide.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_single_request_that_costs_too_much_is_refused_in_each_dialect() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let catalogue = data.path().join("catalogue.toml");
    std::fs::write(&catalogue, prices(&["openai", "anthropic"]))?;
    let pipeline = data.path().join("pipeline.yaml");
    std::fs::write(&pipeline, "- cost-guard: { perRequest: 0.00001 }\n")?;
    let builder =
        Builder::on(data).upstream(&upstream.url()).set("catalogue", &catalogue.display().to_string());
    let gateway = builder.set("pipe_file", &pipeline.display().to_string()).start().await?;
    for (path, model) in [(CHAT, "openai/scripted"), (super::MESSAGES, "anthropic/scripted")] {
        let answer = ask(&gateway, path, chat(model, "hi")).await?;
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert_eq!(answer.header("x-should-retry"), Some("false"), "it would be refused again");
        let shape = answer.json()?;
        assert_eq!(shape["error"]["type"], "cost_limit_per_request");
        assert_eq!(shape["type"].as_str(), (path == super::MESSAGES).then_some("error"));
    }
    assert!(upstream.requests().is_empty());
    Ok(())
}
