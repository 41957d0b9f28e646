//! Answers that break or cannot be read: what each kind of client gets, which is never a clean end.

use anyhow::{Context, Result};
use penstock_tests::gateway::Builder;
use penstock_tests::http::{get, post, read_frame};
use penstock_tests::upstream::{Outcome, ScriptedAnswer, ScriptedUpstream, expected_text};
use serde_json::Value;

use super::{CHAT, DIRECTIONS, MESSAGES, ask, error, for_a_stream, start};

/// The events of a stream by name and data; every one of them must be whole.
pub(super) fn events(text: &str) -> Result<Vec<(Option<&str>, Value)>> {
    let blocks = text.strip_suffix("\n\n").with_context(|| format!("the last event is not whole: {text}"))?;
    let read = |block| -> Result<_> {
        let (mut name, mut data) = (None, None);
        for line in str::lines(block) {
            match line.split_once(": ").with_context(|| format!("not a field: {line}"))? {
                ("event", value) => name = Some(value),
                ("data", "[DONE]") => data = Some(Value::from("[DONE]")),
                ("data", value) => data = Some(serde_json::from_str(value)?),
                _ => anyhow::bail!("an unknown field: {line}"),
            }
        }
        Ok((name, data.with_context(|| format!("no data: {block}"))?))
    };
    blocks.split("\n\n").map(read).collect()
}

/// The text that a stream of the dialect of `path` has said.
pub(super) fn said(path: &str, events: &[(Option<&str>, Value)]) -> String {
    let pointer = if path == CHAT { "/choices/0/delta/content" } else { "/delta/text" };
    events.iter().filter_map(|(_, data)| data.pointer(pointer)?.as_str()).collect()
}

/// Checks that a stream ends in an error of its client's dialect and in nothing else, and returns its type
/// and message.
fn last_error(path: &str, events: &[(Option<&str>, Value)]) -> Result<(String, String)> {
    let ((name, error), before) = events.split_last().context("no events")?;
    for (name, data) in before {
        assert!(data.get("error").is_none(), "an error before the end: {data}");
        assert!(*name != Some("message_stop") && *data != "[DONE]", "an end before the error");
        assert_eq!(data["choices"][0]["finish_reason"], Value::Null, "a reason for no end: {data}");
        assert_eq!(name.is_some(), path == MESSAGES, "{data}");
        assert!(name.is_none_or(|name| data["type"] == name), "{data}");
    }
    if path == CHAT {
        assert_eq!(*name, None);
        assert!(error["error"].get("code").is_some(), "{error}");
    } else {
        assert_eq!((*name, &error["type"]), (Some("error"), &"error".into()));
    }
    let text = |name: &str| error["error"][name].as_str().map(str::to_owned);
    Ok((text("type").context("no type")?, text("message").context("no message")?))
}

#[tokio::test]
async fn a_broken_stream_ends_in_an_error_of_the_clients_dialect() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let faults = [
        ("cut-after=6", "broke off in the middle of its answer"),
        ("reset-after=6", "broke off in the middle of its answer"),
        ("cut-after=60:byte-splits=17", "broke off in the middle of its answer"),
        ("stall-after=6", "sent nothing more for 0.4 s"),
        ("mid-error=6", ""),
        ("mid-error=6:byte-splits=5:crlf:comments", ""),
        ("garbage", "broke off in the middle of its answer"),
    ];
    for (path, provider) in DIRECTIONS {
        for (fault, expected) in faults {
            let answer = ask(&gateway, path, &format!("{provider}/scripted@{fault}"), true).await?;
            assert_eq!(answer.status, 200, "{fault}: {}", answer.text());
            let text = answer.text();
            let events = events(&text)?;
            let (kind, message) = last_error(path, &events).with_context(|| format!("{fault}: {text}"))?;
            let expected = match (expected, provider) {
                ("", "anthropic") => "Overloaded",
                ("", _) => "The server had an error while processing your request. Sorry about that!",
                (expected, _) => expected,
            };
            assert!(message.ends_with(expected), "{path} {fault}: {message}");
            let kinds = if path == CHAT { ["server_error"; 2] } else { ["api_error", "timeout_error"] };
            assert!(kinds.contains(&kind.as_str()), "{path} {fault}: {kind}");
            let before = said(path, &events);
            assert!(expected_text("scripted")?.starts_with(&before), "{fault}: {before}");
            assert_eq!(before.is_empty(), fault == "garbage", "{fault}: what came before is kept");
        }
    }
    let rows = gateway.usage_of(2 * faults.len()).await?;
    assert_eq!(rows.len(), 2 * faults.len());
    assert!(rows.iter().all(|row| row["ended"] == "interrupted" && row["source"] == "estimated"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn a_stream_without_its_last_event_is_whole_only_where_providers_do_that() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    // some providers of OpenAI's dialect never say [DONE]; one that has said why it ends is complete
    let answer = ask(&gateway, MESSAGES, "openai/scripted@no-done:tokens=11:22", true).await?;
    let text = answer.text();
    let complete = events(&text)?;
    assert_eq!(complete.last().context("no events")?.0, Some("message_stop"), "{text}");
    assert_eq!(said(MESSAGES, &complete), expected_text("scripted")?);
    assert_eq!(gateway.usage_of(1).await?[0]["ended"], "complete");
    let answer = ask(&gateway, CHAT, "anthropic/scripted@no-done", true).await?;
    let text = answer.text();
    let broken = events(&text)?;
    let (_, message) = last_error(CHAT, &broken)?;
    assert!(message.ends_with("broke off in the middle of its answer"), "{message}");
    assert_eq!(gateway.usage_of(2).await?[1]["ended"], "interrupted");
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_be_read_ends_the_stream() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],\
        \"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n";
    let chunk = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi\"}}]}\n\n";
    let cases = [
        (CHAT, "anthropic", vec![start, "event: ping\ndata: {\"type\": \n\n"]),
        (CHAT, "anthropic", vec![start, "data: {\"type\":\"content_block_delta\",\"index\":\"x\"}\n\n"]),
        (CHAT, "anthropic", vec!["data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"]),
        (CHAT, "anthropic", vec![start, start]),
        (CHAT, "anthropic", vec![start, "data: {\"type\":\"content_block_stop\",\"index\":3}\n\n"]),
        (MESSAGES, "openai", vec![chunk, "data: nonsense\n\n"]),
        (MESSAGES, "openai", vec![chunk, "data: {\"choices\":\"a\"}\n\n"]),
        (MESSAGES, "openai", vec![chunk, "data: {\"choices\":[{\"delta\":{\"content\":5}}]}\n\n"]),
        (MESSAGES, "openai", vec!["data: [DONE]\n\n"]),
    ];
    let count = cases.len();
    for (path, provider, sent) in cases {
        upstream.respond_next(ScriptedAnswer::sse(sent.clone())?);
        let answer = ask(&gateway, path, &format!("{provider}/scripted"), true).await?;
        assert_eq!(answer.status, 200, "{sent:?}: {}", answer.text());
        let text = answer.text();
        let (_, message) = last_error(path, &events(&text)?).with_context(|| format!("{sent:?}: {text}"))?;
        let blamed = format!("provider \"{provider}\"");
        assert!(message.contains(&blamed), "{sent:?}: {message}");
    }
    let rows = gateway.usage_of(count).await?;
    assert!(rows.iter().all(|row| row["ended"] == "interrupted"), "{rows:?}");
    let metrics = get(gateway.at("/metrics")).send().await?.text();
    assert!(!metrics.contains("penstock_stream_violations_total"), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn a_whole_answer_that_cannot_be_read_is_a_bad_gateway() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let faults = [
        ("garbage", "cannot be read: "),
        ("html=200", "cannot be read: "),
        ("content-encoding=gzip", "cannot be read: "),
        ("cut-after=3", "broke off in the middle of its answer"),
        ("cut-after=3:chunked", "broke off in the middle of its answer"),
        ("reset-after=3", "broke off in the middle of its answer"),
    ];
    for (path, provider) in DIRECTIONS {
        for (fault, expected) in faults {
            let answer = ask(&gateway, path, &format!("{provider}/scripted@{fault}"), false).await?;
            let (status, kind, message) = error(path, &answer)?;
            assert_eq!(status, 502, "{path} {fault}: {message}");
            assert_eq!(kind, if path == CHAT { "server_error" } else { "api_error" });
            assert!(message.contains(&format!("provider \"{provider}\"")), "{path} {fault}: {message}");
            assert!(message.contains(expected), "{path} {fault}: {message}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("content-encoding"), None);
        }
        for body in
            ["{}", "[]", r#"{"content":5,"choices":5}"#, r#"{"choices":[{"message":[]}],"content":[5]}"#]
        {
            upstream.respond_next(ScriptedAnswer::json(200, body)?);
            let answer = ask(&gateway, path, &format!("{provider}/scripted"), false).await?;
            let (status, _, message) = error(path, &answer)?;
            assert_eq!(status, 502, "{path} {body}: {message}");
            assert!(message.contains("cannot be read: "), "{path} {body}: {message}");
        }
    }
    // a provider answered each of them, and may bill for it
    let rows = gateway.usage_of(2 * (faults.len() + 4)).await?;
    assert_eq!(rows.len(), 2 * (faults.len() + 4));
    assert!(rows.iter().all(|row| row["source"] == "estimated"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn a_whole_answer_that_stalls_is_given_up() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for (path, provider) in DIRECTIONS {
        let answer = ask(&gateway, path, &format!("{provider}/scripted@stall-after=3"), false).await?;
        let (status, _, message) = error(path, &answer)?;
        assert!(matches!(status, 502 | 504), "{path}: {status} {message}");
        assert!(message.contains(&format!("provider \"{provider}\"")), "{path}: {message}");
    }
    let rows = gateway.usage_of(2).await?;
    assert!(rows.iter().all(|row| row["ended"] == "interrupted"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn a_translated_stream_passes_event_by_event() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    for (path, provider) in DIRECTIONS {
        // the provider says a few things and then nothing: they must be here before it says more
        let model = format!("{provider}/scripted@stall-after=6:tag={provider}");
        let mut response = post(gateway.at(path), for_a_stream(&model)).open().await?;
        let mut text = String::new();
        let wanted = |text: &str| text.matches("\"content\":").count() + text.matches("_delta\"").count();
        while wanted(&text) < 4 {
            text.push_str(std::str::from_utf8(&read_frame(response.body_mut()).await?)?);
        }
        assert_eq!(upstream.ledger().tagged(provider)[0].outcome, Outcome::Open);
    }
    Ok(())
}
