//! What a translated answer owes: the same as one that passes.

use anyhow::{Context, Result, bail};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{PATIENCE, post, read_frame};
use penstock_tests::upstream::{Outcome, Received, ScriptedUpstream};

use super::{CHAT, DIRECTIONS, MESSAGES, ask, for_a_stream, hello};

/// Asks for a whole answer, and goes away once the provider has the request. The model has to be a new one.
async fn hang_up_before_the_answer(
    upstream: &ScriptedUpstream,
    gateway: &Gateway,
    path: &str,
    model: &str,
) -> Result<()> {
    let asked = post(gateway.at(path), hello(model).to_string()).open();
    let (_, own) = model.split_once('/').context("no provider")?;
    let arrived = |entries: &[Received]| entries.iter().any(|entry| entry.model == own);
    tokio::select! {
        answer = asked => bail!("expected no answer yet, found {:?}", answer.map(|answer| answer.status())),
        arrived = upstream.ledger().wait_until(PATIENCE, arrived) => drop(arrived?),
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_the_provider_and_pays_for_what_came() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    for (path, provider) in DIRECTIONS {
        let model = format!("{provider}/scripted@tag={provider}:stall-after=7:tokens=70:900");
        let mut response = post(gateway.at(path), for_a_stream(&model)).open().await?;
        read_frame(response.body_mut()).await?;
        drop(response);
        // one that waits for the whole answer
        let model = format!("{provider}/scripted@tag={provider}:stall-after=4");
        hang_up_before_the_answer(&upstream, &gateway, path, &model).await?;
        let gone = |entries: &[Received]| {
            let mut own = entries.iter().filter(|entry| entry.tag.as_deref() == Some(provider));
            own.clone().count() == 2 && own.all(|entry| entry.outcome == Outcome::ClientGone)
        };
        upstream.ledger().wait_until(PATIENCE, gone).await?;
    }
    let rows = gateway.usage_of(4).await?;
    assert_eq!(rows.len(), 4);
    for row in &rows {
        assert_eq!((&row["ended"], &row["source"]), (&"client_gone".into(), &"estimated".into()), "{row}");
    }
    Ok(())
}

#[tokio::test]
async fn a_drained_answer_is_settled_with_the_providers_own_figures() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("on_client_gone", "drain").start().await?;
    for (path, provider) in DIRECTIONS {
        let model = format!("{provider}/scripted@tokens=70:900:chunks=20:delay-ms=5");
        let mut response = post(gateway.at(path), for_a_stream(&model)).open().await?;
        read_frame(response.body_mut()).await?;
        drop(response);
        // one that is waited for whole
        let model = format!("{provider}/scripted@tag={provider}:tokens=70:900:slow-body-ms=900");
        hang_up_before_the_answer(&upstream, &gateway, path, &model).await?;
    }
    let rows = gateway.usage_of(4).await?;
    assert_eq!(rows.len(), 4);
    let streamed = rows.iter().filter(|row| row["ended"] == "client_gone");
    assert!(streamed.count() >= 2, "{rows:?}");
    for row in &rows {
        assert_eq!(row["source"], "upstream", "{row}");
        assert_eq!(row["usage"]["output"], 900, "{row}");
    }
    let entries = upstream.ledger().wait_settled(PATIENCE).await?;
    assert!(entries.iter().all(|entry| entry.outcome == Outcome::Answered { status: 200 }), "{entries:?}");
    Ok(())
}

#[tokio::test]
async fn usage_is_stored_and_priced_as_for_an_answer_that_passes() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let price = "price = { input = \"0.15\", output = \"0.60\", cache_read = \"0.075\", cache_write_5m = \"0.20\", \
        cache_write_1h = \"0.30\" }";
    let openai = "scripted@tokens=1000:200:400:50";
    let anthropic = "scripted@tokens=600:200:400:cache-write=100:10";
    let provider = |name: &str, url: &str, model: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\nbase_url = \"{url}\"\n\
             credentials = [{{ name = \"main\", api_key = \"sk-1\" }}]\nmodels = [{{ id = \"{model}\", {price} }}]\n"
        )
    };
    let file = [
        provider("openai", &format!("{}/v1", upstream.url()), openai),
        provider("anthropic", &upstream.url(), anthropic),
    ];
    let gateway = Builder::new()?.file(&file.concat()).start().await?;
    for (provider, model) in [("openai", openai), ("anthropic", anthropic)] {
        for path in [CHAT, MESSAGES] {
            for stream in [false, true] {
                let answer = ask(&gateway, path, &format!("{provider}/{model}"), stream).await?;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
    }
    let rows = gateway.usage_of(8).await?;
    assert_eq!(rows.len(), 8);
    for provider in ["openai", "anthropic"] {
        let own: Vec<_> = rows.iter().filter(|row| row["provider"] == provider).collect();
        assert_eq!(own.len(), 4, "{provider}");
        let counted = ["input", "cache_read", "output", "cache_write_5m", "cache_write_1h"];
        let expected = if provider == "openai" { [600, 400, 200, 0, 0] } else { [600, 400, 200, 100, 10] };
        // (600 × 0.15 + 400 × 0.075 + 200 × 0.60 + 100 × 0.20 + 10 × 0.30) ÷ 1,000,000
        let cost = if provider == "openai" { "0.00024" } else { "0.000263" };
        for row in own {
            assert_eq!((&row["source"], &row["ended"]), (&"upstream".into(), &"complete".into()), "{row}");
            let usage = counted.map(|name| row["usage"][name].as_u64().unwrap_or_default());
            assert_eq!((usage, row["cost"].as_str()), (expected, Some(cost)), "{row}");
            let raw = row["raw_usage"].as_str().context("no raw usage")?;
            let own =
                if provider == "openai" { "\"prompt_tokens\"" } else { "\"cache_creation_input_tokens\"" };
            assert!(raw.contains(own), "as the provider said it: {raw}");
        }
    }
    Ok(())
}
