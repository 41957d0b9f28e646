//! Requests that cannot be taken: which status, in whose words, and that they go nowhere.

use anyhow::Result;
use penstock_tests::gateway::Builder;
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

#[tokio::test]
async fn what_cannot_be_taken_is_refused_in_words_and_in_the_clients_dialect() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let file = "[[routes]]\nname = \"fast\"\nmembers = [{ provider = \"openai\", model = \"scripted\" }]\n";
    let gateway = Builder::new()?.upstream(&upstream.url()).file(file).start().await?;
    let cases = [
        ("", 400, "the request has no body: expected a JSON object"),
        (
            "{\"model\":\"m\",",
            400,
            "the body is not valid JSON at byte 13: expected the rest of the document, found the end",
        ),
        (
            "{model:1}",
            400,
            "the body is not valid JSON at byte 1: expected a key in quotes or '}', found a letter",
        ),
        ("[]", 400, "the body is a JSON array: expected a JSON object"),
        (
            "{\"messages\":[]}",
            400,
            "the body has no top-level \"model\": name one, such as \"openai/gpt-4o-mini\"",
        ),
        ("{\"model\":5}", 400, "\"model\" is a number: expected a non-empty string"),
        ("{\"model\":\"\"}", 400, "\"model\" is an empty string: expected a non-empty string"),
        (
            "{\"model\":\"openai/x\\u0000\"}",
            400,
            "\"model\" holds the control character U+0000: expected a name without one",
        ),
        ("{\"model\":\"gtp-4o-mini\"}", 404, "no model \"gtp-4o-mini\": did you mean \"gpt-4o-mini\""),
        ("{\"model\":\"fsat\"}", 404, "did you mean \"fast\""),
        (
            "{\"model\":\"nothing-like-it-at-all\"}",
            404,
            "no model \"nothing-like-it-at-all\": see GET /v1/models",
        ),
        ("{\"model\":\"opnai/gpt-4o\"}", 404, "\"openai/gpt-4o\""),
    ];
    for (body, status, message) in cases {
        let openai = post(gateway.at(CHAT), body).send().await?;
        assert_eq!(openai.status.as_u16(), status, "{body}: {}", openai.text());
        let error = &openai.json()?["error"];
        assert!(error["message"].as_str().unwrap().contains(message), "{body}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
        if body.contains("model") && status == 404 {
            assert_eq!((&error["code"], &error["param"]), (&"model_not_found".into(), &"model".into()));
        }
        let anthropic = post(gateway.at(MESSAGES), body).send().await?.json()?;
        assert_eq!(anthropic["type"], "error", "{anthropic}");
        assert!(anthropic["request_id"].as_str().unwrap().starts_with("req_"), "{anthropic}");
        let kind = if status == 404 { "not_found_error" } else { "invalid_request_error" };
        assert_eq!(anthropic["error"]["type"], kind, "{anthropic}");
    }
    let gemini = post(gateway.at("/v1beta/models/gmini-2.0-flash:generateContent"), "{}").send().await?;
    assert_eq!((gemini.status.as_u16(), &gemini.json()?["error"]["status"]), (404, &"NOT_FOUND".into()));
    let odd = post(gateway.at("/v1beta/models/openai%2Fx%00:generateContent"), "{}").send().await?;
    assert_eq!(odd.status.as_u16(), 400, "{}", odd.text());
    assert!(
        odd.text().contains("the model in the path holds the control character U+0000"),
        "{}",
        odd.text()
    );
    assert_eq!(upstream.requests().len(), 0, "none of it went anywhere");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_translated_is_not_guessed_at() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let cases = [
        ("/v1/responses", "claude-sonnet-4-5", "speaks anthropic_messages and not openai_responses"),
        (CHAT, "gemini-2.5-flash", "speaks gemini and not openai_chat"),
        (MESSAGES, "gemini-2.5-flash", "speaks gemini and not anthropic_messages"),
        ("/v1/messages/count_tokens", "gpt-4o-mini", "speaks openai_responses and not anthropic_messages"),
    ];
    for (path, model, message) in cases {
        let body = format!(r#"{{"model":"{model}","messages":[],"input":"x"}}"#);
        let answer = post(gateway.at(path), body).send().await?;
        assert_eq!(answer.status, 501, "{path} {model}: {}", answer.text());
        assert!(answer.text().contains(message), "{path} {model}: {}", answer.text());
    }
    let answer = post(gateway.at("/anthropic/v1/embeddings"), r#"{"model":"x","input":"y"}"#).send().await?;
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("does not support the operation embed"), "{}", answer.text());
    let answer = post(gateway.at("/nobody/v1/chat/completions"), r#"{"model":"x"}"#).send().await?;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()?["error"]["code"]),
        (404, &"provider_not_found".into())
    );
    Ok(())
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_announced_or_not() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).argument("--max-body=64KiB").start().await?;
    let large = format!(r#"{{"model":"openai/scripted","messages":["{}"]}}"#, "x".repeat(3 << 20));
    for path in [CHAT, MESSAGES] {
        let answer = post(gateway.at(path), large.clone()).send().await?;
        assert_eq!(answer.status, 413);
        assert!(answer.text().contains("larger than 65536 bytes"), "{}", answer.text());
    }
    let mut socket = TcpStream::connect(gateway.url().trim_start_matches("http://")).await?;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
        large.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(large.as_bytes()).await?;
    socket.write_all(b"\r\n0\r\n\r\n").await?;
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await?;
    assert_eq!(std::str::from_utf8(&answer)?, "HTTP/1.1 413");
    let fits = format!(r#"{{"model":"openai/scripted","messages":["{}"]}}"#, "x".repeat(60 << 10));
    assert_eq!(post(gateway.at(CHAT), fits).send().await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn what_is_not_http_harms_nobody() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let large = vec![b'a'; 70_000];
    let rubbish: [&[u8]; 4] =
        [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", &large];
    for bytes in rubbish {
        let mut socket = TcpStream::connect(gateway.url().trim_start_matches("http://")).await?;
        drop(socket.write_all(bytes).await);
        drop(socket.shutdown().await);
        drop(socket.read_to_end(&mut Vec::new()).await);
    }
    assert_eq!(
        post(gateway.at(CHAT), r#"{"model":"openai/scripted","messages":[]}"#).send().await?.status,
        200
    );
    Ok(())
}

#[tokio::test]
async fn too_many_at_once_are_told_to_wait() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).argument("--max-in-flight=1").start().await?;
    let body = r#"{"model":"openai/scripted@stall-after=1","stream":true,"messages":[]}"#;
    let first = post(gateway.at(CHAT), body).open().await?;
    let second = post(gateway.at(CHAT), body).send().await?;
    assert_eq!((second.status.as_u16(), second.header("retry-after")), (503, Some("1")));
    assert!(second.text().contains("--max-in-flight"), "{}", second.text());
    drop(first);
    gateway.settled().await?;
    let third = post(gateway.at(CHAT), body.replace("@stall-after=1", "")).send().await?;
    assert_eq!(third.status, 200, "{}", third.text());
    Ok(())
}
