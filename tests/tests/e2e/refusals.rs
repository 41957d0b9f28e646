//! What a provider says when it refuses the gateway's own credential: who hears of it, and in whose words.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use penstock_tests::gateway::{ADMIN_KEY, Builder, Gateway};
use penstock_tests::http::{Answer, PATIENCE, get, post};
use penstock_tests::upstream::{ScriptedAnswer, ScriptedUpstream};
use serde_json::{Value, json};

const SECRET: &str = "AIza/first-of-ours";

/// A provider with one or two credentials of ours.
async fn start(upstream: &ScriptedUpstream, channel: &str, second: bool) -> Result<Gateway> {
    let base = if channel == "openai" { "/v1" } else { "" };
    let second = if second { "{ name = \"second\", api_key = \"AIza-second\" }" } else { "" };
    let file = format!(
        "[[providers]]\nname = \"ours\"\nchannel = \"{channel}\"\nbase_url = \"{}{base}\"\n\
         credentials = [{{ name = \"first\", api_key = \"{SECRET}\" }}, {second}]\n",
        upstream.url()
    );
    Builder::new()?.file(&file).start().await
}

async fn ask(gateway: &Gateway) -> Result<Answer> {
    post(gateway.at("/v1/chat/completions"), r#"{"model":"ours/scripted","messages":[]}"#).send().await
}

async fn ask_gemini(gateway: &Gateway, own_key: Option<&str>) -> Result<Answer> {
    let call = post(gateway.at("/ours/v1beta/models/scripted:generateContent"), r#"{"contents":[]}"#);
    let call = own_key.map_or(call.clone(), |key| call.header("x-goog-api-key", key));
    call.send().await
}

/// The keys that were presented, in their order.
fn keys(upstream: &ScriptedUpstream) -> Vec<String> {
    let key = |name, asked: &penstock_tests::upstream::Received| asked.header(name).map(str::to_owned);
    let keys = upstream.requests().into_iter();
    keys.filter_map(|asked| key("x-goog-api-key", &asked).or_else(|| key("authorization", &asked))).collect()
}

#[tokio::test]
async fn a_refusal_that_shows_the_credential_is_neither_passed_on_nor_logged() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream, "openai", false).await?;
    let logged = json!({"instance_name": "default", "log_upstream": true, "log_downstream": true, "capture_bodies": true});
    let made = post(gateway.at("/admin/v1/settings"), logged.to_string()).key(ADMIN_KEY).send().await?;
    ensure!(made.status == 201, "{}", made.text());
    let says = |message: &str| json!({"error": {"message": message, "type": "x", "code": null}}).to_string();
    let suspended = says(&format!("Permission denied: Consumer 'api_key:{SECRET}' has been suspended."));
    let escaped = suspended.replace('/', "\\/");
    assert_ne!(suspended, escaped);
    let mut rows = 0;
    for (status, body) in [
        (400, &suspended),
        (400, &escaped),
        (403, &suspended),
        (404, &suspended),
        (422, &escaped),
        (429, &suspended),
        (500, &suspended),
    ] {
        // one that may pass is tried three times
        for _ in 0..if status == 500 { 3 } else { 1 } {
            upstream.respond_next(ScriptedAnswer::json(status, body.clone())?);
        }
        let answer = ask(&gateway).await?;
        let text = answer.text();
        assert_eq!(answer.status.as_u16(), status, "{text}");
        assert!(!text.contains("first-of-ours") && !text.contains("suspended"), "{status}: {text}");
        assert!(text.contains("without an explanation that could be passed on"), "{status}: {text}");
        rows += 1;
    }
    upstream.respond_next(ScriptedAnswer::json(400, says("harmless words"))?);
    ensure!(ask(&gateway).await?.text() == says("harmless words"), "another explanation passes");
    let start = Instant::now();
    let rows = loop {
        let found = get(gateway.at("/admin/v1/logs?limit=100")).key(ADMIN_KEY).send().await?.json()?;
        let found = found["data"].as_array().context("no rows")?.clone();
        if found.len() > rows {
            break found;
        }
        ensure!(start.elapsed() < PATIENCE, "{} of {rows} rows", found.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let logged = serde_json::to_string(&rows)?;
    let harmless = |row: &Value| row["upstream"][0]["response_body"].to_string().contains("harmless words");
    assert!(rows.iter().any(harmless), "{logged}");
    assert!(!logged.contains("first-of-ours") && !gateway.log()?.contains("first-of-ours"), "{logged}");
    Ok(())
}

#[tokio::test]
async fn a_firewalls_page_says_nothing_of_the_credential() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream, "openai", true).await?;
    let page = |status| {
        ScriptedAnswer::status(status)?
            .header("content-type", "text/html")
            .map(|answer| answer.chunk("<html>"))
    };
    upstream.respond_next(page(403)?);
    assert_eq!(ask(&gateway).await?.status, 200, "the other one answers");
    assert_eq!(ask(&gateway).await?.status, 200);
    upstream.respond_next(ScriptedAnswer::json(403, "{}")?);
    assert_eq!(ask(&gateway).await?.status, 200);
    assert_eq!(ask(&gateway).await?.status, 200);
    let (first, second) = (format!("Bearer {SECRET}"), "Bearer AIza-second".to_owned());
    // after the page the first one is asked again, after the refusal it is left alone
    assert_eq!(keys(&upstream), [&first, &second, &first, &first, &second, &second].map(Clone::clone));
    Ok(())
}

#[tokio::test]
async fn google_refuses_a_key_with_a_status_of_its_own() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream, "gemini", true).await?;
    let invalid = json!({"error": {
        "code": 400, "message": "API key expired. Please renew the API key.", "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                     "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}}],
    }})
    .to_string();
    upstream.respond_next(ScriptedAnswer::json(400, invalid.clone())?);
    let own = ask_gemini(&gateway, Some("AIza-of-the-caller")).await?;
    assert_eq!(
        (own.status.as_u16(), own.text()),
        (400, invalid.clone()),
        "an own key is its owner's business"
    );

    upstream.respond_next(ScriptedAnswer::json(400, invalid.clone())?);
    let answer = ask_gemini(&gateway, None).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(ask_gemini(&gateway, None).await?.status, 200);
    assert_eq!(keys(&upstream), ["AIza-of-the-caller", SECRET, "AIza-second", "AIza-second"]);

    for _ in 0..2 {
        upstream.respond_next(ScriptedAnswer::json(400, invalid.clone())?);
    }
    let answer = ask_gemini(&gateway, None).await?;
    let text = answer.text();
    assert_eq!(answer.status, 502, "{text}");
    assert!(
        text.contains("refused the gateway's credential") && !text.contains("renew the API key"),
        "{text}"
    );
    Ok(())
}
