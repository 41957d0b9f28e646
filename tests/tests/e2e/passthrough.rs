//! What a client sends reaches the provider byte for byte, and what the provider sends comes back so.

use anyhow::Result;
use penstock_tests::gateway::Builder;
use penstock_tests::http::{get, post};
use penstock_tests::upstream::ScriptedUpstream;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_request_goes_out_byte_for_byte_but_for_the_model() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let odd = concat!(
        " {\n\t\"messages\" : [ {\"role\":\"user\",\"content\":\"caf\\u00e9 \\/ \u{1f389}\"} ],\"temperature\": 1.0 , ",
        "\"seed\":18446744073709551616,\"top_p\":2e3,\"unknown\":{\"model\":\"nested\",\"a\":[1.50,-0.0]},",
        "\"model\" :\t\"openai\\/scripted\" , \"\":null}\r\n"
    );
    let answer = post(gateway.at(CHAT), odd).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = upstream.requests().pop().unwrap();
    let sent = odd.replace("\"openai\\/scripted\"", "\"scripted\"");
    assert_eq!(received.body.as_deref(), Some(sent.as_bytes()));
    assert_eq!(received.header("content-length"), Some(sent.len().to_string().as_str()));
    let direct = post(format!("{}{CHAT}", upstream.url()), sent).send().await?;
    assert_eq!(answer.body, direct.body, "the answer comes back byte for byte");
    Ok(())
}

#[tokio::test]
async fn the_model_is_found_wherever_it_stands() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let filler = "x \\\" y \\\\ ".repeat(30_000);
    let late = format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{filler}\",\"model\":\"openai/nested\"}}],\"model\":\"openai/scripted\"}}"
    );
    let escaped = r#"{"messages":[],"mod\u0065l":"openai/scripted"}"#.to_owned();
    for body in [late, escaped] {
        let answer = post(gateway.at(CHAT), body.clone()).send().await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected = body.replace("\"openai/scripted\"", "\"scripted\"");
        assert!(upstream.requests().pop().unwrap().body.as_deref() == Some(expected.as_bytes()));
    }
    let before = upstream.requests().len();
    for twice in [
        r#"{"model":"openai/scripted","messages":[],"model":"openai/other"}"#,
        r#"{"model":"openai/scripted","messages":[],"mod\u0065l":"openai/scripted"}"#,
    ] {
        let answer = post(gateway.at(CHAT), twice).send().await?;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("2 top-level \\\"model\\\" keys"), "{}", answer.text());
    }
    assert_eq!(upstream.requests().len(), before, "an ambiguous body goes nowhere");
    Ok(())
}

/// The stream that the provider sends without our question for usage, and the one that comes back.
async fn compare_stream(
    gateway: &str,
    upstream: &ScriptedUpstream,
    path: &str,
    model: &str,
    provider: &str,
) -> Result<()> {
    let said = if path.ends_with("responses") { "input" } else { "messages" };
    let body = |model: &str| {
        format!(
            r#"{{"model":"{model}","stream":true,"max_tokens":9,"{said}":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let direct = post(format!("{}{path}", upstream.url()), body(model)).send().await?;
    let through = post(format!("{gateway}{path}"), body(&format!("{provider}/{model}"))).send().await?;
    assert_eq!(through.status, 200, "{path} {model}: {}", through.text());
    assert_eq!(through.text(), direct.text(), "{path} {model}");
    Ok(())
}

#[tokio::test]
async fn a_stream_comes_back_as_if_usage_had_not_been_asked_for() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    for model in [
        "scripted",
        "scripted@crlf",
        "scripted@byte-splits",
        "scripted@byte-splits=1:crlf",
        "scripted@chunks=100",
    ] {
        compare_stream(gateway.url(), &upstream, CHAT, model, "openai").await?;
        compare_stream(gateway.url(), &upstream, "/v1/responses", model, "openai").await?;
        compare_stream(gateway.url(), &upstream, "/v1/messages", model, "anthropic").await?;
    }
    let rows = gateway.usage_of(15).await?;
    assert!(rows.iter().all(|row| row["source"] == "upstream" && row["ended"] == "complete"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn usage_that_the_client_asks_for_stays() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let body =
        r#"{"model":"openai/scripted","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;
    let answer = post(gateway.at(CHAT), body).send().await?;
    let sent = body.replace("openai/", "");
    let direct = post(format!("{}{CHAT}", upstream.url()), sent).send().await?;
    assert_eq!(answer.text(), direct.text());
    assert!(answer.text().contains("\"usage\":null") && answer.text().contains("\"prompt_tokens\""));
    Ok(())
}

#[tokio::test]
async fn only_what_belongs_to_this_hop_is_taken_from_the_headers() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let answer = post(
        gateway.at("/v1/messages?beta=true&key=secret"),
        r#"{"model":"anthropic/scripted","messages":[]}"#,
    )
    .header("anthropic-beta", "context-1m-2025-08-07,something-new-2027-01-01")
    .header("anthropic-version", "2023-06-01")
    .header("x-api-key", "penstock")
    .header("x-unknown", "kept")
    .header("x-hop", "ends here")
    .header("connection", "x-hop")
    .header("cookie", "session=1")
    .header("accept-encoding", "gzip, br")
    .header("x-request-id", "mine")
    .send()
    .await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = upstream.requests().pop().unwrap();
    assert_eq!(received.path, "/v1/messages?beta=true");
    let kept = [
        ("anthropic-beta", Some("context-1m-2025-08-07,something-new-2027-01-01")),
        ("anthropic-version", Some("2023-06-01")),
        ("x-unknown", Some("kept")),
        ("x-api-key", Some("sk-ant-upstream")),
        ("accept-encoding", Some("identity")),
        ("x-hop", None),
        ("cookie", None),
        ("x-request-id", None),
        ("authorization", None),
    ];
    for (name, value) in kept {
        assert_eq!(received.header(name), value, "{name}");
    }
    assert_eq!(answer.header("x-client-request-id"), Some("mine"));
    assert!(answer.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    Ok(())
}

#[tokio::test]
async fn whose_account_pays_and_which_pages_may_read_is_not_the_providers_to_say() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let account = [
        (CHAT, "openai", "openai-organization", Some("scripted")),
        (CHAT, "openai", "openai-project", Some("proj_1")),
        (
            "/v1/messages",
            "anthropic",
            "anthropic-organization-id",
            Some("00000000-0000-4000-8000-000000000000"),
        ),
    ];
    for (path, provider, name, value) in account {
        for status in ["", "status=400,"] {
            let directives = "header=openai-project~proj_1,header=access-control-allow-origin~*";
            let body = format!(r#"{{"model":"{provider}/scripted@{status}{directives}","messages":[]}}"#);
            let own = if provider == "openai" { "sk-own-key" } else { "sk-ant-own-key" };
            let with_own = post(gateway.at(path), body.clone()).key(own).send().await?;
            assert_eq!(with_own.header(name), value, "{name}: {}", with_own.text());
            let answer = post(gateway.at(path), body).send().await?;
            assert_eq!(answer.header(name), None, "{name}: {}", answer.text());
            for answer in [answer, with_own] {
                assert_eq!(answer.header("access-control-allow-origin"), None);
                assert_eq!(answer.status, if status.is_empty() { 200 } else { 400 });
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_upstream_error_of_the_same_dialect_comes_back_unmodified() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    for (path, provider, status) in
        [(CHAT, "openai", 400), (CHAT, "openai", 404), ("/v1/messages", "anthropic", 422)]
    {
        let model = format!("scripted@status={status}");
        let body = |model: &str| format!(r#"{{"model":"{model}","messages":[]}}"#);
        let direct = post(format!("{}{path}", upstream.url()), body(&model)).send().await?;
        let through = post(gateway.at(path), body(&format!("{provider}/{model}"))).send().await?;
        // the provider numbers its requests
        let plain = |text: String| text.replace(|digit: char| digit.is_ascii_digit(), "");
        assert_eq!(
            (through.status.as_u16(), plain(through.text())),
            (status, plain(direct.text())),
            "{path}"
        );
    }
    gateway.settled().await?;
    assert_eq!(gateway.usage().await?.len(), 0, "what no provider answered is not billed");
    Ok(())
}

#[tokio::test]
async fn a_compressed_answer_passes_and_is_estimated() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let body =
        |model: &str| format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    let direct =
        post(format!("{}{CHAT}", upstream.url()), body("scripted@content-encoding=gzip")).send().await?;
    let through = post(gateway.at(CHAT), body("openai/scripted@content-encoding=gzip")).send().await?;
    assert_eq!(through.header("content-encoding"), Some("gzip"));
    assert_eq!(through.body, direct.body);
    let rows = gateway.usage_of(1).await?;
    assert_eq!(rows[0]["source"], "estimated");
    Ok(())
}

#[tokio::test]
async fn a_plain_get_is_no_call() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let answer = get(gateway.at(CHAT)).send().await?;
    assert_eq!(answer.status, 405);
    assert!(answer.text().contains("does not take GET"), "{}", answer.text());
    Ok(())
}
