//! The upstream against a raw hyper client: wire shapes, faults, and what the ledger makes of them.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

/// One connection to the upstream; dropping it hangs up.
struct Client(SendRequest<Full<Bytes>>);

impl Client {
    async fn of(upstream: &ScriptedUpstream) -> Result<Self> {
        let (sender, connection) =
            handshake(TokioIo::new(TcpStream::connect(upstream.addr()).await?)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    async fn post(&mut self, path: &str, body: Value) -> Result<Response<Incoming>> {
        let request = Request::post(path).header("host", "upstream").body(Full::from(body.to_string()))?;
        Ok(self.0.send_request(request).await?)
    }
}

async fn ask(upstream: &ScriptedUpstream, path: &str, body: Value) -> Result<(u16, String)> {
    let response = Client::of(upstream).await?.post(path, body).await?;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8(bytes.to_vec())?))
}

fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

/// The JSON of every `data:` line.
fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

fn joined(events: &[Value], pointer: &str) -> String {
    events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect()
}

#[tokio::test]
async fn chat_answers_in_json_with_its_oddities() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let (status, body) = ask(&upstream, "/v1/chat/completions", chat("scripted@tokens=11:22", false)).await?;
    assert_eq!(status, 200);
    assert!(body.contains(r#""penstock_numbers":[1.0,2e3 , -0.0,18446744073709551616]"#), "{body}");
    let answer: Value = serde_json::from_str(&body)?;
    assert_eq!(answer.pointer("/choices/0/message/content"), Some(&expected_text("scripted")?.into()));
    assert_eq!(answer.pointer("/usage/total_tokens"), Some(&33.into()));

    let received = upstream.requests();
    let entry = received.first().context("one request")?;
    assert_eq!(entry.outcome, Outcome::Answered { status: 200 });
    assert_eq!(entry.model, "scripted@tokens=11:22");
    assert_eq!(entry.usage.map(|usage| (usage.input, usage.output)), Some((11, 22)));
    assert_eq!(entry.json()?, chat("scripted@tokens=11:22", false));
    assert_eq!(entry.header("host"), Some("upstream"));
    Ok(())
}

#[tokio::test]
async fn chat_streams_usage_only_when_asked() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let (_, plain) = ask(&upstream, "/v1/chat/completions", chat("scripted", true)).await?;
    assert!(!plain.contains("\"usage\""), "{plain}");
    assert!(plain.ends_with("data: [DONE]\n\n"));
    assert_eq!(joined(&events(&plain), "/choices/0/delta/content"), expected_text("scripted")?);

    let mut body = chat("scripted", true);
    body["stream_options"] = json!({"include_usage": true});
    let (_, with_usage) = ask(&upstream, "/v1/chat/completions", body).await?;
    let events = events(&with_usage);
    let (last, before) = events.split_last().context("events")?;
    assert!(before.iter().all(|event| event["usage"].is_null() && event.get("usage").is_some()));
    assert_eq!((&last["choices"], &last["usage"]["prompt_tokens"]), (&json!([]), &json!(42)));
    let reports: Vec<_> = upstream.requests().iter().map(|entry| entry.usage.is_some()).collect();
    assert_eq!(reports, [false, true]);
    Ok(())
}

#[tokio::test]
async fn chat_shows_reasoning_refusals_and_calls_side_by_side() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let path = "/v1/chat/completions";
    let (_, whole) = ask(&upstream, path, chat("scripted@reasoning", false)).await?;
    let whole: Value = serde_json::from_str(&whole)?;
    assert_eq!(whole.pointer("/choices/0/message/reasoning_content"), Some(&THOUGHTS.into()));
    let (_, text) = ask(&upstream, path, chat("scripted@reasoning=reasoning", true)).await?;
    let streamed = events(&text);
    assert_eq!(joined(&streamed, "/choices/0/delta/reasoning"), THOUGHTS);
    assert_eq!(joined(&streamed, "/choices/0/delta/content"), expected_text("scripted")?);

    let (_, refused) = ask(&upstream, path, chat("scripted@refusal", true)).await?;
    let refused = events(&refused);
    assert_eq!(joined(&refused, "/choices/0/delta/refusal"), expected_text("scripted")?);
    assert_eq!(joined(&refused, "/choices/0/delta/content"), "");

    let mut body = chat("scripted@interleaved", true);
    body["tools"] = json!([{"function": {"name": "one"}}, {"function": {"name": "two"}}]);
    let (_, calls) = ask(&upstream, path, body).await?;
    let calls: Vec<_> = events(&calls)
        .iter()
        .filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0/index")?.as_u64())
        .collect();
    assert_eq!(calls, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    Ok(())
}

#[tokio::test]
async fn messages_redact_refuse_and_stop() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let mut body = chat("scripted@redacted", false);
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    let (_, whole) = ask(&upstream, "/v1/messages", body).await?;
    let whole: Value = serde_json::from_str(&whole)?;
    assert_eq!(whole.pointer("/content/1/type"), Some(&"redacted_thinking".into()));
    for (model, reason, sequence) in [
        ("scripted@stop-sequence=END", json!("stop_sequence"), json!("END")),
        ("scripted@refusal", json!("refusal"), Value::Null),
    ] {
        let (_, text) = ask(&upstream, "/v1/messages", chat(model, true)).await?;
        let events = events(&text);
        let delta = events.iter().find(|event| event["type"] == "message_delta").context("a delta")?;
        assert_eq!((&delta["delta"]["stop_reason"], &delta["delta"]["stop_sequence"]), (&reason, &sequence));
    }
    Ok(())
}

#[tokio::test]
async fn images_by_url_are_counted_apart() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let mut body = chat("scripted@echo", false);
    body["messages"][0]["content"] = json!([image("https://x/1.png"), image("data:image/png;base64,AA==")]);
    let (_, answer) = ask(&upstream, "/v1/chat/completions", body).await?;
    assert!(answer.contains("images: 2 (1 by URL); tool results: 0"), "{answer}");
    let mut body = chat("scripted@echo", false);
    body["messages"][0]["content"] =
        json!([{"type": "image", "source": {"type": "url", "url": "https://x/1.png"}}]);
    let (_, answer) = ask(&upstream, "/v1/messages", body).await?;
    assert!(answer.contains("images: 1 (1 by URL); tool results: 0"), "{answer}");
    Ok(())
}

#[test]
fn only_so_many_bytes_of_bodies_are_kept() {
    let ledger = Ledger::new(4);
    let body = Bytes::from(vec![b'x'; 100 << 20]);
    let received = Received {
        sequence: 0,
        received_ms: 0,
        ended_ms: None,
        peer: SocketAddr::from(([127, 0, 0, 1], 1)),
        method: "POST".to_owned(),
        path: "/".to_owned(),
        headers: http::HeaderMap::new(),
        body_bytes: body.len(),
        body: Some(body),
        model: String::new(),
        tag: None,
        outcome: Outcome::Open,
        usage: None,
        parts: 0,
        events: 0,
    };
    let open: Vec<_> = (0..3).map(|_| ledger.begin(received.clone())).collect();
    let kept = || ledger.entries().iter().map(|entry| entry.body.is_some()).collect::<Vec<_>>();
    assert_eq!(kept(), [false, true, true], "three of 100 MiB are too many");
    let more: Vec<_> = (0..2).map(|_| ledger.begin(Received { body: None, ..received.clone() })).collect();
    assert_eq!(kept(), [true, true, false, false], "the entry that went had no body any more");
    drop((open, more));
}

#[tokio::test]
async fn messages_stream_thinking_and_tools() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let mut body = chat("scripted", true);
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    body["tools"] = json!([{"name": "one"}, {"name": "two"}]);
    let (_, text) = ask(&upstream, "/v1/messages", body).await?;
    let events = events(&text);
    assert_eq!(joined(&events, "/delta/thinking"), THOUGHTS);
    assert_eq!(joined(&events, "/delta/signature"), SIGNATURE);
    assert_eq!(joined(&events, "/delta/partial_json"), TOOL_ARGUMENTS.concat());
    assert_eq!(joined(&events, "/content_block/name"), "onetwo");
    assert_eq!(events.last().context("events")?["type"], "message_stop");
    Ok(())
}

#[tokio::test]
async fn responses_stream_from_created_to_completed() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let body = json!({"model": "scripted", "stream": true, "input": "hi"});
    let (_, text) = ask(&upstream, "/v1/responses", body).await?;
    let events = events(&text);
    let numbers: Vec<_> = events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    assert_eq!(events[0]["type"], "response.created");
    let last = events.last().context("events")?;
    assert_eq!(last["type"], "response.completed");
    let said = last.pointer("/response/output/0/content/0/text").and_then(Value::as_str);
    assert_eq!(said, Some(expected_text("scripted")?.as_str()));
    let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
    assert_eq!(joined(&deltas.cloned().collect::<Vec<_>>(), "/delta"), expected_text("scripted")?);
    Ok(())
}

#[tokio::test]
async fn gemini_streams_in_both_forms() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let path = "/v1beta/models/scripted%40chunks=4,tokens=1:2:streamGenerateContent";
    let (_, sse) = ask(&upstream, &format!("{path}?alt=sse"), body.clone()).await?;
    let (_, array) = ask(&upstream, path, body.clone()).await?;
    let array: Vec<Value> = serde_json::from_str(&array)?;
    assert_eq!(events(&sse), array);
    assert_eq!(array.len(), 4);
    assert_eq!(joined(&array, "/candidates/0/content/parts/0/text"), expected_text("scripted")?);
    let (_, whole) = ask(&upstream, "/v1/models/scripted:generateContent", body).await?;
    assert_eq!(joined(&[serde_json::from_str(&whole)?], "/candidates/0/finishReason"), "STOP");
    Ok(())
}

#[tokio::test]
async fn embeddings_come_as_numbers_and_as_base64() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let (_, floats) =
        ask(&upstream, "/v1/embeddings", json!({"model": "m", "input": ["a", "b"], "dimensions": 2})).await?;
    let floats: Value = serde_json::from_str(&floats)?;
    assert_eq!(floats["data"][1]["embedding"], json!([1.5, 0.25]));
    let body = json!({"model": "m", "input": "a", "dimensions": 2, "encoding_format": "base64"});
    let (_, encoded) = ask(&upstream, "/v1/embeddings", body).await?;
    let encoded: Value = serde_json::from_str(&encoded)?;
    assert_eq!(encoded["data"][0]["embedding"], "AAAAPwAAgD4=");
    Ok(())
}

#[tokio::test]
async fn refusals_come_in_the_dialect_and_only_as_often_as_scripted() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let model = "scripted@fail-times=2:529,tag=flaky";
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(ask(&upstream, "/v1/messages", chat(model, false)).await?);
    }
    assert!(seen[0].1.contains("overloaded_error"), "{}", seen[0].1);
    assert_eq!(seen.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [529, 529, 200]);
    assert_eq!(upstream.ledger().tagged("flaky").len(), 3);

    let mut client = Client::of(&upstream).await?;
    let limited =
        client.post("/v1/chat/completions", chat("scripted@status=429:retry-after=2", false)).await?;
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str()?), (429, "2"));
    let (status, typo) = ask(&upstream, "/v1/chat/completions", chat("scripted@chnks=2", false)).await?;
    assert!(status == 400 && typo.contains("chnks"), "{typo}");
    Ok(())
}

#[tokio::test]
async fn a_hang_up_is_recorded() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    for model in ["scripted@stall-after=3,tag=stalled", "scripted@never,tag=never"] {
        let mut client = Client::of(&upstream).await?;
        let tag = model.rsplit('=').next().context("a tag")?;
        let arrived = async {
            if tag == "stalled" {
                let mut body = client.post("/v1/chat/completions", chat(model, true)).await?.into_body();
                let mut text = Vec::new();
                while text.windows(2).filter(|pair| pair == b"\n\n").count() < 3 {
                    text.extend(body.frame().await.context("a frame")??.into_data().unwrap_or_default());
                }
            } else {
                let asked = client.post("/v1/chat/completions", chat(model, false));
                let open = upstream.ledger().wait_until(DEADLINE, |entries| entries.len() == 2);
                tokio::select! { answered = asked => drop(answered?), open = open => drop(open?) }
            }
            anyhow::Ok(())
        };
        arrived.await?;
        assert_eq!(upstream.ledger().tagged(tag)[0].outcome, Outcome::Open);
        drop(client);
        upstream.ledger().wait_settled(DEADLINE).await?;
        assert_eq!(upstream.ledger().tagged(tag)[0].outcome, Outcome::ClientGone);
    }
    assert_eq!(upstream.ledger().tagged("stalled")[0].events, 3);
    assert_eq!(upstream.ledger().totals().client_gone, 2);
    Ok(())
}

#[tokio::test]
async fn a_cut_reaches_the_client_after_the_parts_before_it() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    for (fault, stream) in [("cut", true), ("cut", false), ("reset", true)] {
        let mut client = Client::of(&upstream).await?;
        let model = format!("scripted@{fault}-after=2");
        let mut body = client.post("/v1/chat/completions", chat(&model, stream)).await?.into_body();
        let mut received = 0;
        let error = loop {
            match body.frame().await.context("the body must not end cleanly")? {
                Ok(frame) => received += frame.into_data().map_or(0, |data| data.len()),
                Err(error) => break error,
            }
        };
        // A reset may overtake what was sent before it
        assert!(received > 0 || fault == "reset", "{fault}: {error}");
    }
    let entries = upstream.ledger().wait_settled(DEADLINE).await?;
    assert!(entries.iter().all(|entry| entry.outcome == Outcome::Interrupted && entry.parts == 2));
    Ok(())
}

#[tokio::test]
async fn framing_can_be_odd_without_changing_what_is_said() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let (_, plain) = ask(&upstream, "/v1/messages", chat("scripted", true)).await?;
    let (_, split) = ask(&upstream, "/v1/messages", chat("scripted@byte-splits", true)).await?;
    assert_eq!(split, plain);
    let (_, crlf) = ask(&upstream, "/v1/messages", chat("scripted@crlf,comments", true)).await?;
    assert_eq!(crlf.replace("\r\n", "\n").replace(": keep-alive\n\n", ""), plain);
    let parts: Vec<_> = upstream.requests().iter().map(|entry| (entry.parts > 50, entry.events)).collect();
    assert_eq!(parts, [(false, 14), (true, 14), (false, 14)]);
    Ok(())
}

#[tokio::test]
async fn nonsense_is_nonsense() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let (status, garbage) = ask(&upstream, "/v1/responses", chat("scripted@garbage", false)).await?;
    assert!(status == 200 && serde_json::from_str::<Value>(&garbage).is_err());
    assert_eq!(ask(&upstream, "/v1/responses", chat("scripted@html=502", false)).await?.0, 502);
    assert!(ask(&upstream, "/v1/responses", chat("scripted@garbage-http", false)).await.is_err());
    let (_, cut) = ask(&upstream, "/v1/messages", chat("scripted@mid-error", true)).await?;
    assert_eq!(events(&cut).last().context("events")?["error"]["type"], "overloaded_error");
    let (_, unfinished) = ask(&upstream, "/v1/messages", chat("scripted@no-done", true)).await?;
    assert!(!unfinished.contains("message_stop"));
    let outcomes: Vec<_> = upstream.requests().iter().map(|entry| entry.outcome).collect();
    let answered = |status| Outcome::Answered { status };
    let interrupted = Outcome::Interrupted;
    assert_eq!(outcomes, [answered(200), answered(502), interrupted, interrupted, interrupted]);
    Ok(())
}

#[tokio::test]
async fn queued_answers_take_precedence_in_order() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    upstream.respond_next(ScriptedAnswer::json(418, r#"{"a": 1.0}"#)?.header("x-teapot", "short")?);
    upstream.respond_next(ScriptedAnswer::sse(["data: 1\n\n", "data: 2\n\n"])?);
    let first = ask(&upstream, "/v1/messages", chat("scripted", false)).await?;
    assert_eq!(first, (418, r#"{"a": 1.0}"#.to_owned()));
    assert_eq!(ask(&upstream, "/anything", json!({})).await?.1, "data: 1\n\ndata: 2\n\n");
    assert_eq!(ask(&upstream, "/v1/messages", chat("scripted", false)).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn gzip_is_valid_and_the_ledger_is_served() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let response = Client::of(&upstream)
        .await?
        .post("/v1/messages", chat("scripted@content-encoding=gzip,tag=zipped", true))
        .await?;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let bytes = response.into_body().collect().await?.to_bytes();
    let (_, plain) = ask(&upstream, "/v1/messages", chat("scripted@tag=zipped", true)).await?;
    let length = u32::try_from(plain.len())?;
    assert_eq!(bytes[bytes.len() - 4..], length.to_le_bytes());
    assert_eq!(bytes[bytes.len() - 8..bytes.len() - 4], crc32fast::hash(plain.as_bytes()).to_le_bytes());

    let request = Request::get("/_ledger?tag=zipped").body(Full::default())?;
    let response = Client::of(&upstream).await?.0.send_request(request).await?;
    let lines = response.into_body().collect().await?.to_bytes();
    let lines = String::from_utf8(lines.to_vec())?;
    assert_eq!(lines.lines().count(), 2);
    let line: Value = serde_json::from_str(lines.lines().next().context("a line")?)?;
    assert_eq!(line["outcome"], json!({"kind": "answered", "status": 200}));
    assert_eq!(line["usage"]["input"], 42);
    let (status, _) = ask(&upstream, "/_ledger/reset", json!({})).await?;
    assert_eq!((status, upstream.requests().len()), (200, 0));
    Ok(())
}
