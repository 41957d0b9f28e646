//! Providers that fail in every way they can: who is asked next, and what the client gets.

use std::time::{Duration, Instant};

use anyhow::Result;
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{Answer, post, read_frame, read_on};
use penstock_tests::upstream::{Outcome, ScriptedUpstream};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CHAT: &str = "/v1/chat/completions";

/// A gateway with short timeouts.
async fn start(upstream: &ScriptedUpstream) -> Result<Gateway> {
    let builder = Builder::new()?.upstream(&upstream.url());
    builder.set("timeouts.first_byte", "400ms").set("timeouts.idle", "400ms").start().await
}

fn chat(model: &str, stream: bool) -> String {
    format!(r#"{{"model":"openai/{model}","stream":{stream},"messages":[]}}"#)
}

async fn ask(gateway: &Gateway, model: &str, stream: bool) -> Result<Answer> {
    post(gateway.at(CHAT), chat(model, stream)).send().await
}

fn code(answer: &Answer) -> Result<Value> {
    Ok(answer.json()?["error"]["code"].clone())
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let start = Instant::now();
    let answer = ask(&gateway, "scripted@never", true).await?;
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!((answer.status.as_u16(), code(&answer)?), (504, "upstream_timeout".into()));
    assert!(answer.text().contains("did not answer within 0.4 s (for the first byte)"), "{}", answer.text());
    let messages = post(gateway.at("/v1/messages"), r#"{"model":"anthropic/scripted@never","messages":[]}"#);
    let answer = messages.send().await?;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()?["error"]["type"], "timeout_error");
    gateway.settled().await?;
    assert_eq!(gateway.usage().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_stalls_or_breaks_ends_in_an_error_event() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let cases = [
        ("stall-after=3", "sent nothing more for 0.4 s"),
        ("cut-after=3", "broke off"),
        ("reset-after=3", "broke off"),
        ("cut-after=33:byte-splits=17", "broke off"),
    ];
    for (fault, message) in cases {
        let answer = ask(&gateway, &format!("scripted@{fault}"), true).await?;
        assert_eq!(answer.status, 200);
        let text = answer.text();
        let events: Vec<_> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
        for event in &events {
            let data = event.strip_prefix("data: ").unwrap();
            serde_json::from_str::<Value>(data).unwrap_or_else(|error| panic!("{fault}: {error}: {event}"));
        }
        assert!(events.len() > 1, "{fault}: the events before are kept: {text}");
        let last = events.last().unwrap();
        assert!(last.contains(message) && last.starts_with("data: {\"error\""), "{fault}: {last}");
    }
    let anthropic = r#"{"model":"anthropic/scripted@cut-after=4","stream":true,"messages":[]}"#;
    let text = post(gateway.at("/v1/messages"), anthropic).send().await?.text();
    assert!(
        text.trim_end().rsplit("\n\n").next().unwrap().starts_with("event: error\ndata: {\"error\""),
        "{text}"
    );
    let rows = gateway.usage_of(5).await?;
    assert!(rows.iter().all(|row| row["ended"] == "interrupted" && row["source"] == "estimated"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn a_document_that_breaks_cuts_the_connection() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for fault in ["cut-after=3", "cut-after=3:chunked", "stall-after=3"] {
        let mut response = post(gateway.at(CHAT), chat(&format!("scripted@{fault}"), false)).open().await?;
        let (read, whole) = read_on(response.body_mut()).await;
        assert!(!whole && !read.is_empty(), "{fault}: half a document must not look whole");
    }
    let rows = gateway.usage_of(3).await?;
    assert!(rows.iter().all(|row| row["ended"] == "interrupted"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn rubbish_is_told_from_an_answer() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let answer = ask(&gateway, "scripted@garbage-http", false).await?;
    assert_eq!((answer.status.as_u16(), code(&answer)?), (502, "upstream_error".into()));
    assert!(answer.text().contains("valid HTTP"), "{}", answer.text());
    // a 200 is the provider's answer, whatever stands in it
    let answer = ask(&gateway, "scripted@garbage", true).await?;
    assert_eq!(answer.status, 200);
    let rows = gateway.usage_of(1).await?;
    assert_eq!(rows[0]["source"], "estimated");
    let answer = ask(&gateway, "scripted@html=502", false).await?;
    assert_eq!(answer.status, 502);
    assert_eq!(code(&answer)?, "upstream_error", "a proxy's page is not in the client's dialect");
    Ok(())
}

#[tokio::test]
async fn an_error_inside_a_stream_passes_and_is_no_whole_answer() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let direct =
        post(format!("{}{CHAT}", upstream.url()), chat("scripted@mid-error", true).replace("openai/", ""));
    let (through, direct) = (ask(&gateway, "scripted@mid-error", true).await?, direct.send().await?);
    assert_eq!(through.text(), direct.text());
    assert_eq!(gateway.usage_of(1).await?[0]["ended"], "interrupted");
    Ok(())
}

#[tokio::test]
async fn a_stream_that_just_stops_is_no_whole_answer() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for fault in ["no-done", "cut-after=0"] {
        ask(&gateway, &format!("scripted@{fault}"), true).await?;
    }
    let rows = gateway.usage_of(1).await?;
    assert_eq!(rows[0]["ended"], "complete", "it said why it stopped and what was used");
    assert_eq!(rows.len(), 1, "what broke before its first byte is no answer");
    Ok(())
}

/// Two providers of one route; the first fails as told.
async fn route(upstream: &ScriptedUpstream, other: &ScriptedUpstream, fault: &str) -> Result<Gateway> {
    let provider = |name: &str, url: String| {
        format!(
            "[[providers]]\nname = \"{name}\"\nchannel = \"openai\"\nbase_url = \"{url}/v1\"\n\
             credentials = [{{ name = \"a\", api_key = \"sk-{name}-a\" }}]\n"
        )
    };
    let file = format!(
        "{}{}[[routes]]\nname = \"fast\"\nmembers = [\n  {{ provider = \"second\", model = \"scripted\", tier = 1 }},\n  \
         {{ provider = \"first\", model = \"scripted@{fault}\" }},\n]\n",
        provider("first", upstream.url()),
        provider("second", other.url()),
    );
    Builder::new()?.file(&file).set("timeouts.first_byte", "300ms").start().await
}

#[tokio::test]
async fn the_next_candidate_answers_and_only_it_is_billed() -> Result<()> {
    let faults = [
        "status=401",
        "status=403",
        "status=429",
        "status=500",
        "status=503",
        "status=529",
        "never",
        "garbage-http",
        "cut-after=0",
        "html=502",
        "html=403",
        "empty",
    ];
    for fault in faults {
        let (first, second) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
        let gateway = route(&first, &second, fault).await?;
        let answer = post(gateway.at(CHAT), r#"{"model":"fast","stream":true,"messages":[]}"#).send().await?;
        assert_eq!(answer.status, 200, "{fault}: {}", answer.text());
        assert!(answer.text().contains("[DONE]"), "{fault}: {}", answer.text());
        assert_eq!(second.requests().len(), 1, "{fault}");
        assert_eq!(second.requests()[0].header("authorization"), Some("Bearer sk-second-a"));
        let rows = gateway.usage_of(1).await?;
        assert_eq!(rows.len(), 1, "{fault}");
        assert_eq!((&rows[0]["provider"], &rows[0]["route"]), (&"second".into(), &"fast".into()), "{fault}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_without_a_byte_counts_as_broken() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for _ in 0..2 {
        let answer = ask(&gateway, "scripted@empty", true).await?;
        assert_eq!((answer.status.as_u16(), code(&answer)?), (502, "upstream_error".into()));
        assert!(answer.text().contains("ended its answer before the first byte"), "{}", answer.text());
    }
    // three attempts of the first request and two of the second: five in a row
    assert_eq!(upstream.requests().len(), 5);
    assert_eq!(code(&ask(&gateway, "scripted@empty", true).await?)?, "upstream_unavailable");
    gateway.settled().await?;
    assert_eq!(gateway.usage().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn time_that_is_used_up_is_not_the_next_providers_fault() -> Result<()> {
    let (first, second) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
    let provider = |name: &str, url: String| {
        format!(
            "[[providers]]\nname = \"{name}\"\nchannel = \"openai\"\nbase_url = \"{url}/v1\"\n\
             credentials = [{{ name = \"a\", api_key = \"sk-{name}-a\" }}]\n"
        )
    };
    let file = format!(
        "{}{}[[routes]]\nname = \"fast\"\nmembers = [\n  {{ provider = \"first\", model = \"scripted@never\" }},\n  \
         {{ provider = \"second\", model = \"scripted@slow-head-ms=600\", tier = 1 }},\n]\n",
        provider("first", first.url()),
        provider("second", second.url()),
    );
    let builder = Builder::new()?.file(&file).set("timeouts.first_byte", "800ms").set("timeouts.total", "1s");
    let gateway = builder.start().await?;
    let fast = r#"{"model":"fast","messages":[]}"#;
    for _ in 0..6 {
        let answer = post(gateway.at(CHAT), fast).send().await?;
        assert_eq!(code(&answer)?, "upstream_timeout", "{}", answer.text());
        if first.requests().len() == 5 {
            break;
        }
    }
    assert_eq!((first.requests().len(), second.requests().len()), (5, 5));
    // the first one's breaker is open, and the second one's is not: it has its time now
    let answer = post(gateway.at(CHAT), fast).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((first.requests().len(), second.requests().len()), (5, 6));
    Ok(())
}

#[tokio::test]
async fn nobody_is_asked_when_the_upload_took_all_the_time() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("timeouts.total", "300ms").start().await?;
    let mut socket = TcpStream::connect(gateway.url().trim_start_matches("http://")).await?;
    let body = chat("scripted", false);
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    // not a wait for something: this is how long the upload takes
    tokio::time::sleep(Duration::from_millis(600)).await;
    socket.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("upstream_timeout"), "{answer}");
    assert!(answer.contains("used up before a provider could be asked"), "{answer}");
    assert_eq!(upstream.requests().len(), 0);
    Ok(())
}

#[tokio::test]
async fn the_clients_own_fault_goes_back_at_once() -> Result<()> {
    let (first, second) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
    let gateway = route(&first, &second, "status=400").await?;
    let answer = post(gateway.at(CHAT), r#"{"model":"fast","messages":[]}"#).send().await?;
    assert_eq!((answer.status.as_u16(), second.requests().len()), (400, 0));
    Ok(())
}

#[tokio::test]
async fn after_the_first_byte_nobody_else_is_asked() -> Result<()> {
    let (first, second) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
    let gateway = route(&first, &second, "cut-after=2").await?;
    let answer = post(gateway.at(CHAT), r#"{"model":"fast","stream":true,"messages":[]}"#).send().await?;
    assert!(answer.text().contains("broke off"), "{}", answer.text());
    assert_eq!(second.requests().len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_lone_candidate_is_asked_again_and_a_passing_fault_is_not_seen() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let answer = ask(&gateway, "scripted@fail-times=2:503", false).await?;
    assert_eq!((answer.status.as_u16(), upstream.requests().len()), (200, 3));
    let answer = ask(&gateway, "scripted@fail-times=3:500", false).await?;
    assert_eq!((answer.status.as_u16(), upstream.requests().len()), (500, 6), "attempts are capped");
    assert_eq!(gateway.usage_of(1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn of_several_failures_the_most_helpful_is_told() -> Result<()> {
    let (first, second) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
    let gateway = route(&first, &second, "status=429:retry-after=7").await?;
    for _ in 0..3 {
        second.respond_next(penstock_tests::upstream::ScriptedAnswer::status(500)?);
    }
    let answer = post(gateway.at(CHAT), r#"{"model":"fast","messages":[]}"#).send().await?;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("7")), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn a_refused_credential_is_not_the_clients_business() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let answer = ask(&gateway, "scripted@status=401", false).await?;
    assert_eq!(answer.status, 502, "the client's own key is fine");
    assert!(answer.text().contains("refused the gateway's credential"), "{}", answer.text());
    assert!(!answer.text().contains("sk-upstream"), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn an_unreachable_provider_is_named() -> Result<()> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let gateway = Builder::new()?.upstream(&format!("http://127.0.0.1:{port}")).start().await?;
    let answer = ask(&gateway, "scripted", false).await?;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("\\\"openai\\\" could not be reached: "), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn a_stream_passes_event_by_event() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    // the provider says three things and then nothing: they must be here before it says more
    let mut response = post(gateway.at(CHAT), chat("scripted@stall-after=3", true)).open().await?;
    let mut text = String::new();
    while text.matches("\n\n").count() < 3 {
        text.push_str(std::str::from_utf8(&read_frame(response.body_mut()).await?)?);
    }
    assert_eq!(upstream.requests()[0].outcome, Outcome::Open);
    Ok(())
}
