//! What a translation loses: who hears of it, and who does not want it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::http::{Answer, get};
use penstock_tests::upstream::{ScriptedAnswer, ScriptedUpstream};
use serde_json::{Value, json};

use super::{CHAT, DIRECTIONS, error, hello, last, send, start, with};

fn losses(answer: &Answer) -> Option<&str> {
    answer.header("x-penstock-loss")
}

/// The losses that a text names, in an order of their own.
fn named(text: &str) -> BTreeSet<&str> {
    text.split("; ").collect()
}

/// Fields of a request of each dialect that the other has not, and what is lost of them, in order.
pub(super) fn lossy(path: &str) -> (Value, &'static str) {
    if path == CHAT {
        let more = json!({
            "seed": 7, "temperature": 1.5, "logit_bias": {"50256": -100},
            "messages": [{"role": "user", "content": "hello", "name": "ada"}],
        });
        let lost = "dropped logit_bias; dropped seed; dropped messages[0].name; changed temperature (1, the \
            highest there is)";
        (more, lost)
    } else {
        let marked = json!({"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}});
        let more = json!({"top_k": 5, "messages": [{"role": "user", "content": [marked]}]});
        let lost =
            "dropped messages[0].content[0].cacheControl (this provider caches by itself); dropped topK";
        (more, lost)
    }
}

#[tokio::test]
async fn what_is_lost_is_named_in_a_header() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for (path, provider) in DIRECTIONS {
        let (more, lost) = lossy(path);
        let body = with(hello(&format!("{provider}/scripted")), &more);
        let streamed = send(&gateway, path, &with(body.clone(), &json!({"stream": true}))).await?;
        assert_eq!(streamed.status, 200, "{path}: {}", streamed.text());
        let of_the_stream = losses(&streamed).context("no losses")?;
        assert_eq!(named(of_the_stream), named(lost), "{path}");
        // of a whole answer it is known what of it is lost as well
        let whole = send(&gateway, path, &body).await?;
        let of_both = losses(&whole).context("no losses")?;
        let of_the_answer =
            of_both.strip_prefix(of_the_stream).context("the request's losses stand first")?;
        assert!(of_the_answer.contains("; dropped penstock_test;"), "{path}: {of_both}");
    }
    Ok(())
}

#[tokio::test]
async fn a_limit_that_the_format_demands_comes_from_the_catalogue_and_is_named() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let messages = json!([{"role": "user", "content": "hello"}]);
    let body = json!({"model": "anthropic/claude-haiku-4-5", "stream": true, "messages": messages});
    let answer = send(&gateway, CHAT, &body).await?;
    let filled = "filled maxTokens (64000, the most that the model puts out)";
    assert_eq!(losses(&answer), Some(filled), "{}", answer.text());
    assert_eq!(last(&upstream)?.json()?["max_tokens"], 64_000);
    let unknown = json!({"model": "anthropic/scripted", "messages": messages});
    let answer = send(&gateway, CHAT, &unknown).await?;
    let (status, kind, message) = error(CHAT, &answer)?;
    assert_eq!((status, kind.as_str()), (400, "invalid_request_error"));
    assert!(message.contains("send `max_tokens` or `max_completion_tokens`"), "{message}");
    Ok(())
}

/// A whole answer of each provider that has nothing but what both dialects know.
fn plain_answer(provider: &str) -> Result<ScriptedAnswer> {
    let body = if provider == "anthropic" {
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "stop_sequence": null, "content": [{"type": "text", "text": "hi"}],
            "usage": {"input_tokens": 3, "output_tokens": 4},
        })
    } else {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": "m",
            "choices": [{
                "index": 0, "finish_reason": "stop", "logprobs": null,
                "message": {"role": "assistant", "content": "hi", "refusal": null, "annotations": []},
            }],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        })
    };
    ScriptedAnswer::json(200, body.to_string())
}

#[tokio::test]
async fn where_nothing_is_lost_nothing_is_said() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for (path, provider) in DIRECTIONS {
        let plain = json!({
            "temperature": 0.5, "top_p": 0.9, "stream": null, "system": null, "stop": null, "tools": null,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hello"}]},
                {"role": "assistant", "content": "hi", "name": null},
                {"role": "user", "content": "bye"},
            ],
        });
        let body = with(hello(&format!("{provider}/scripted")), &plain);
        upstream.respond_next(plain_answer(provider)?);
        let whole = send(&gateway, path, &body).await?;
        assert_eq!((whole.status.as_u16(), losses(&whole)), (200, None), "{path}: {}", whole.text());
        let streamed = send(&gateway, path, &with(body, &json!({"stream": true}))).await?;
        assert_eq!((streamed.status.as_u16(), losses(&streamed)), (200, None), "{path}");
        // nor where nothing is translated
        let own = if provider == "openai" { "anthropic" } else { "openai" };
        let native = with(hello(&format!("{own}/scripted")), &lossy(path).0);
        assert_eq!(losses(&send(&gateway, path, &native).await?), None);
    }
    let metrics = get(gateway.at("/metrics")).send().await?.text();
    let counted: Vec<_> = metrics.lines().filter(|line| line.contains("losses_total{")).collect();
    // of the streamed answers, whose losses come too late for a header
    assert!(counted.iter().all(|line| line.contains("kind=\"dropped\"")), "{counted:?}");
    Ok(())
}

#[tokio::test]
async fn losses_are_counted_by_kind() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let counted = async || {
        let text = get(gateway.at("/metrics")).send().await?.text();
        let of = |kind: &str| {
            let name = format!("penstock_translation_losses_total{{kind=\"{kind}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&name)?.parse::<u64>().ok()).unwrap_or(0)
        };
        anyhow::Ok([of("dropped"), of("changed"), of("filled")])
    };
    assert_eq!(counted().await?, [0, 0, 0]);
    upstream.respond_next(plain_answer("anthropic")?);
    let body = with(hello("anthropic/scripted"), &lossy(CHAT).0);
    assert_eq!(send(&gateway, CHAT, &body).await?.status, 200);
    assert_eq!(counted().await?, [3, 1, 0]);
    Ok(())
}

/// Providers of both dialects behind routes that reject losses.
async fn strict(upstream: &ScriptedUpstream) -> Result<Gateway> {
    let route = |name: &str, members: &[&str]| {
        let members: Vec<_> = members
            .iter()
            .map(|provider| format!("{{ provider = \"{provider}\", model = \"scripted\" }}"))
            .collect();
        let members = members.join(", ");
        format!("[[routes]]\nname = \"{name}\"\non_loss = \"reject\"\nmembers = [{members}]\n")
    };
    let file = [
        route("only-anthropic", &["anthropic"]),
        route("only-openai", &["openai"]),
        route("anthropic-first", &["anthropic", "openai"]),
        route("openai-first", &["openai", "anthropic"]),
    ];
    Builder::new()?.upstream(&upstream.url()).file(&file.concat()).start().await
}

#[tokio::test]
async fn a_route_may_reject_losses() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = strict(&upstream).await?;
    for (path, provider) in DIRECTIONS {
        let (more, lost) = lossy(path);
        for stream in [false, true] {
            let body = with(hello(&format!("only-{provider}")), &more);
            let answer = send(&gateway, path, &with(body, &json!({"stream": stream}))).await?;
            let (status, kind, message) = error(path, &answer)?;
            assert_eq!((status, kind.as_str()), (422, "invalid_request_error"), "{path}: {message}");
            assert_eq!(answer.header("x-should-retry"), Some("false"));
            let (_, rejected) = message.split_once("the route rejects losses: ").context("no losses")?;
            assert_eq!(named(rejected), named(lost), "{message}");
            assert!(message.contains(&format!("provider \"{provider}\" speaks ")), "{message}");
        }
    }
    assert_eq!(upstream.requests().len(), 0, "what is rejected goes nowhere");
    gateway.settled().await?;
    assert_eq!(gateway.usage().await?.len(), 0);
    for (path, provider) in DIRECTIONS {
        let answer = send(&gateway, path, &hello(&format!("only-{provider}"))).await?;
        assert_eq!(answer.status, 200, "what can be carried is: {}", answer.text());
    }
    let filled = json!({"model": "only-anthropic", "messages": []});
    assert_eq!(send(&gateway, CHAT, &filled).await?.status, 400, "nobody knows this model's limit");
    Ok(())
}

#[tokio::test]
async fn a_member_that_can_carry_the_request_answers_in_place_of_one_that_cannot() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = strict(&upstream).await?;
    for (path, provider) in DIRECTIONS {
        let own = if provider == "openai" { "anthropic" } else { "openai" };
        let (more, _) = lossy(path);
        for stream in [false, true] {
            let body =
                with(hello(&format!("{provider}-first")), &with(more.clone(), &json!({"stream": stream})));
            let answer = send(&gateway, path, &body).await?;
            assert_eq!((answer.status.as_u16(), losses(&answer)), (200, None), "{path}: {}", answer.text());
            assert!(last(&upstream)?.path.ends_with(path), "{path}");
        }
        // without a loss the order of the route counts
        let answer = send(&gateway, path, &hello(&format!("{provider}-first"))).await?;
        assert_eq!(answer.status, 200);
        assert!(!last(&upstream)?.path.ends_with(path), "{path}");
        gateway.settled().await?;
        let rows = gateway.usage().await?;
        let answered: Vec<_> = rows.iter().rev().take(3).map(|row| row["provider"].as_str()).collect();
        assert!(answered.contains(&Some(own)) && answered.contains(&Some(provider)), "{answered:?}");
    }
    assert_eq!(upstream.requests().len(), 6, "none was asked in vain");
    Ok(())
}
