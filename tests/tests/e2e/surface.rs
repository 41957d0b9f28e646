//! The paths beside the calls themselves: Gemini's, lists of models, operations.

use anyhow::Result;
use penstock_tests::gateway::Builder;
use penstock_tests::http::{PATIENCE, get, post};
use penstock_tests::upstream::ScriptedUpstream;

#[tokio::test]
async fn gemini_is_passed_through_natively() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let body = r#"{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"temperature":1.0}}"#;
    let calls = [
        ("/v1beta/models/gemini/scripted:generateContent", "/v1beta/models/scripted:generateContent"),
        ("/v1/models/gemini/scripted:generateContent", "/v1beta/models/scripted:generateContent"),
        (
            "/gemini/v1beta/models/scripted:streamGenerateContent?alt=sse&key=penstock",
            "/v1beta/models/scripted:streamGenerateContent?alt=sse",
        ),
        (
            "/gemini/v1beta/models/scripted:streamGenerateContent",
            "/v1beta/models/scripted:streamGenerateContent",
        ),
        ("/gemini/v1beta/models/scripted:countTokens", "/v1beta/models/scripted:countTokens"),
        ("/gemini/v1beta/models/scripted:embedContent", "/v1beta/models/scripted:embedContent"),
    ];
    for (path, expected) in calls {
        let answer = post(gateway.at(path), body).header("x-goog-api-key", "penstock").send().await?;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let received = upstream.requests().pop().unwrap();
        assert_eq!(
            (received.path.as_str(), received.header("x-goog-api-key")),
            (expected, Some("AIza-upstream")),
            "{path}"
        );
        assert_eq!(received.body.as_deref(), Some(body.as_bytes()));
        let direct = post(format!("{}{expected}", upstream.url()), body).send().await?;
        assert_eq!(answer.body, direct.body, "{path}");
    }
    let rows = gateway.usage_of(calls.len()).await?;
    let generated: Vec<_> = rows.iter().filter(|row| row["operation"] == "generate").collect();
    assert_eq!(generated.len(), 4);
    for row in generated {
        assert_eq!((&row["source"], &row["ended"]), (&"upstream".into(), &"complete".into()), "{row}");
        assert!(row["usage"]["output"].as_u64() > Some(0), "{row}");
    }
    Ok(())
}

#[tokio::test]
async fn models_are_listed_in_the_clients_shape() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let file =
        "[[routes]]\nname = \"fast\"\nmembers = [{ provider = \"openai\", model = \"gpt-4o-mini\" }]\n";
    let gateway = Builder::new()?.upstream(&upstream.url()).file(file).start().await?;
    let openai = get(gateway.at("/v1/models")).send().await?.json()?;
    let ids: Vec<_> =
        openai["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    for id in ["fast", "openai/gpt-4o-mini"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    let anthropic =
        get(gateway.at("/v1/models")).header("anthropic-version", "2023-06-01").send().await?.json()?;
    assert_eq!((&anthropic["has_more"], &anthropic["data"][0]["type"]), (&false.into(), &"model".into()));
    assert_eq!(anthropic["first_id"], anthropic["data"][0]["id"]);
    let gemini = get(gateway.at("/gemini/v1beta/models")).send().await?.json()?;
    assert!(gemini["models"][0]["name"].as_str().unwrap().starts_with("models/gemini-"), "{gemini}");
    let one = get(gateway.at("/v1/models/openai/gpt-4o-mini")).send().await?;
    assert_eq!((one.status.as_u16(), &one.json()?["id"]), (200, &"openai/gpt-4o-mini".into()));
    let none = get(gateway.at("/v1/models/nothing")).send().await?;
    assert_eq!((none.status.as_u16(), &none.json()?["error"]["code"]), (404, &"model_not_found".into()));
    Ok(())
}

#[tokio::test]
async fn names_resolve_through_aliases_routes_and_catalogue() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let file = "[[routes]]\nname = \"fast\"\nmembers = [{ provider = \"openai\", model = \"scripted@tag=route\" }]\n\
        [[aliases]]\nalias = \"gpt-3.5(.*)\"\ntarget = \"fast\"\n[[aliases]]\nalias = \"my-(.+)\"\ntarget = \"openai/scripted@tag=$1\"\n";
    let gateway = Builder::new()?.upstream(&upstream.url()).file(file).start().await?;
    let cases = [
        ("fast", "scripted@tag=route"),
        ("gpt-3.5-turbo", "scripted@tag=route"),
        ("my-own", "scripted@tag=own"),
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-99-not-yet-known", "gpt-99-not-yet-known"),
        ("openai/meta-llama/Llama-3", "meta-llama/Llama-3"),
    ];
    for (requested, reached) in cases {
        let body = format!(r#"{{"model":"{requested}","messages":[]}}"#);
        let answer = post(gateway.at("/v1/chat/completions"), body).send().await?;
        assert_eq!(answer.status, 200, "{requested}: {}", answer.text());
        assert_eq!(upstream.requests().pop().unwrap().model, reached, "{requested}");
    }
    Ok(())
}

#[tokio::test]
async fn operators_and_coding_agents_are_answered() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    for path in ["/", "/api/hello", "/healthz", "/readyz", "/version", "/metrics"] {
        let answer = get(gateway.at(path)).send().await?;
        assert_eq!(answer.status, 200, "{path}");
        let head = get(gateway.at(path)).method(http::Method::HEAD).send().await?;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
    }
    assert_eq!(get(gateway.at("/version")).send().await?.json()?["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(get(gateway.at("/readyz")).send().await?.json()?["control_store"]["ok"], true);
    Ok(())
}

#[tokio::test]
async fn metrics_tell_what_happened() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let body = r#"{"model":"gpt-4o-mini","messages":[]}"#;
    assert_eq!(post(gateway.at("/v1/chat/completions"), body).send().await?.status, 200);
    gateway.settled().await?;
    // the journal's figures are brought up to date ten times a second
    let start = std::time::Instant::now();
    let text = loop {
        let text = get(gateway.at("/metrics")).send().await?.text();
        if text.contains("penstock_journal_pending_settlements 0") || start.elapsed() > PATIENCE {
            break text;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    let expected = [
        r#"penstock_requests_total{dialect="openai_chat",operation="generate",status="2xx"} 1"#,
        r#"penstock_tokens_total{provider="openai",model="gpt-4o-mini",kind="output"} 17"#,
        r#"penstock_upstream_attempts_total{provider="openai",outcome="success"} 1"#,
        "penstock_settlements_total 1",
        r#"penstock_request_duration_seconds_count{dialect="openai_chat",operation="generate"} 1"#,
        r#"penstock_time_to_first_byte_seconds_count{provider="openai"} 1"#,
        r#"penstock_cost_usd_total{provider="openai"}"#,
        "penstock_journal_pending_settlements 0",
    ];
    for line in expected {
        assert!(text.contains(line), "no {line} in:\n{text}");
    }
    Ok(())
}
