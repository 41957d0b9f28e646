//! Providers that refuse or do not answer: what their clients are told, and who is asked instead.

use anyhow::{Context, Result};
use penstock_tests::gateway::{Builder, Gateway};
use penstock_tests::upstream::{ScriptedAnswer, ScriptedUpstream, expected_text};

use super::faults::{events, said};
use super::{CHAT, DIRECTIONS, MESSAGES, ask, error, start};

#[tokio::test]
async fn a_refusal_of_a_provider_is_told_in_the_clients_words() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let asked = "The script asked for this status.";
    let cases = [
        (400, "invalid_request_error", "invalid_request_error", asked),
        (403, "permission_error", "permission_error", asked),
        (404, "invalid_request_error", "not_found_error", asked),
        (413, "invalid_request_error", "request_too_large", asked),
        (422, "invalid_request_error", "invalid_request_error", asked),
        (429, "rate_limit_error", "rate_limit_error", asked),
        (500, "server_error", "api_error", asked),
        (503, "server_error", "overloaded_error", asked),
        (529, "server_error", "overloaded_error", asked),
    ];
    for (path, provider) in DIRECTIONS {
        for (status, openai, anthropic, message) in cases {
            let model = format!("{provider}/scripted@status={status}:retry-after=0");
            for stream in [false, true] {
                let answer = ask(&gateway, path, &model, stream).await?;
                let kind = if path == CHAT { openai } else { anthropic };
                let expected = (status, kind.to_owned(), message.to_owned());
                assert_eq!(error(path, &answer)?, expected, "{path} {status}");
                assert_eq!(answer.header("retry-after"), Some("0"));
                assert_eq!(answer.header("content-type"), Some("application/json"));
            }
        }
        // what is not in the provider's own shape cannot be told
        for (status, body) in [(400, r#"{"detail":"x"}"#), (409, "[]"), (418, "")] {
            upstream.respond_next(ScriptedAnswer::json(status, body)?);
            let answer = ask(&gateway, path, &format!("{provider}/scripted"), false).await?;
            let (found, _, message) = error(path, &answer)?;
            assert_eq!(found, status, "{body}");
            assert!(message.contains("without an explanation that could be passed on"), "{message}");
        }
        let answer = ask(&gateway, path, &format!("{provider}/scripted@html=502"), false).await?;
        let (status, _, message) = error(path, &answer)?;
        assert!(status == 502 && !message.contains("html"), "{message}");
        // the gateway's own credential is not the client's business
        let answer = ask(&gateway, path, &format!("{provider}/scripted@status=401"), false).await?;
        let (status, _, message) = error(path, &answer)?;
        assert_eq!(status, 502, "the client's own key is fine");
        assert!(message.contains("refused the gateway's credential"), "{message}");
    }
    gateway.settled().await?;
    assert_eq!(gateway.usage().await?.len(), 0, "what no provider answered is not billed");
    Ok(())
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for (path, provider) in DIRECTIONS {
        for stream in [false, true] {
            let answer = ask(&gateway, path, &format!("{provider}/scripted@never"), stream).await?;
            let (status, kind, message) = error(path, &answer)?;
            assert_eq!(
                (status, kind.as_str()),
                (504, if path == CHAT { "server_error" } else { "timeout_error" })
            );
            assert!(message.contains("did not answer within 0.4 s"), "{message}");
        }
    }
    Ok(())
}

/// Two upstreams behind a route: the first speaks the one dialect and fails, the second the other.
async fn route(first: &ScriptedUpstream, second: &ScriptedUpstream, fault: &str) -> Result<Gateway> {
    let provider = |name: &str, channel: &str, url: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\nchannel = \"{channel}\"\nbase_url = \"{url}\"\n\
             credentials = [{{ name = \"a\", api_key = \"sk-{name}\" }}]\n"
        )
    };
    let routes = ["openai", "anthropic"].map(|channel| {
        let other = if channel == "openai" { "anthropic" } else { "openai" };
        format!(
            "[[routes]]\nname = \"{channel}-first\"\nmembers = [\n  \
             {{ provider = \"first-{channel}\", model = \"scripted@{fault}\" }},\n  \
             {{ provider = \"second-{other}\", model = \"scripted\" }},\n]\n"
        )
    });
    let file = [
        provider("first-openai", "openai", &format!("{}/v1", first.url())),
        provider("first-anthropic", "anthropic", &first.url()),
        provider("second-openai", "openai", &format!("{}/v1", second.url())),
        provider("second-anthropic", "anthropic", &second.url()),
        routes.concat(),
    ];
    Builder::new()?.file(&file.concat()).set("timeouts.first_byte", "300ms").start().await
}

#[tokio::test]
async fn a_candidate_of_the_other_dialect_takes_over_and_only_it_is_billed() -> Result<()> {
    for fault in ["status=500", "status=429", "status=401", "never", "garbage-http", "cut-after=0"] {
        let (first, second) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
        let gateway = route(&first, &second, fault).await?;
        let mut answered = 0;
        for path in [CHAT, MESSAGES] {
            for channel in ["openai", "anthropic"] {
                let answer = ask(&gateway, path, &format!("{channel}-first"), true).await?;
                assert_eq!(answer.status, 200, "{fault} {path} {channel}: {}", answer.text());
                let text = answer.text();
                let events = events(&text)?;
                assert_eq!(said(path, &events), expected_text("scripted")?, "{fault} {path} {channel}");
                answered += 1;
                assert_eq!(second.requests().len(), answered, "{fault}");
                let other = if channel == "openai" { "/v1/messages" } else { "/v1/chat/completions" };
                assert_eq!(second.requests()[answered - 1].path, other);
            }
        }
        let rows = gateway.usage_of(answered).await?;
        assert_eq!(rows.len(), answered, "{fault}");
        for row in &rows {
            let provider = row["provider"].as_str().context("no provider")?;
            assert!(provider.starts_with("second-") && row["ended"] == "complete", "{fault}: {row}");
        }
    }
    Ok(())
}
