//! What of a request reaches a provider of the other dialect, what must not, and what cannot be read.

use anyhow::{Context, Result};
use penstock_tests::gateway::Builder;
use penstock_tests::http::post;
use penstock_tests::upstream::{ScriptedAnswer, ScriptedUpstream};
use serde_json::{Value, json};

use super::losses::lossy;
use super::{CHAT, DIRECTIONS, MESSAGES, error, hello, last, send, start, with};

#[tokio::test]
async fn a_carrier_does_not_reach_another_provider_of_the_clients_dialect() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    // as PHP escapes it, with numbers and fields that a careless copy would change
    let body = r#"{"model":"anthropic/scripted","max_tokens":64,"temperature":1.0,"unknown":{"a":[1.50,-0.0,18446744073709551616]},"messages":[
        {"role":"user","content":"penstock: is a pipe","odd":2e3},
        {"role":"assistant","content":[
            {"type":"thinking","thinking":"of another","signature":"penstock:openai_chat\/openai:"},
            {"type":"redacted_thinking","data":"penstock:openai_chat\/openai:{}"},
            {"type":"thinking","thinking":"its own","signature":"EqQB+/=="},
            {"type":"text","text":"hi"}]},
        {"role":"user","content":"go on"}]}"#;
    let answer = post(gateway.at(MESSAGES), body).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = last(&upstream)?;
    let text = String::from_utf8(received.body.clone().context("no body")?.to_vec())?;
    for kept in
        [r#""temperature":1.0"#, "[1.50,-0.0,18446744073709551616]", r#""odd":2e3"#, "penstock: is a pipe"]
    {
        assert!(text.contains(kept), "{kept} in {text}");
    }
    assert!(!text.contains("penstock:openai") && !text.contains("of another"), "{text}");
    let said = &received.json()?["messages"][1]["content"];
    let own = json!({"type": "thinking", "thinking": "its own", "signature": "EqQB+/=="});
    assert_eq!(*said, json!([own, {"type": "text", "text": "hi"}]));

    let detail = json!({
        "type": "reasoning.text", "index": 0, "text": "of another",
        "signature": "penstock:anthropic_messages/anthropic:EqQB",
    });
    let turn = json!({
        "role": "assistant", "content": "hi", "reasoning_content": "of another", "reasoning_details": [detail],
    });
    let body = with(hello("openai/scripted"), &json!({"unknown": [1], "messages": [turn]}));
    assert_eq!(send(&gateway, CHAT, &body).await?.status, 200);
    let received = last(&upstream)?.json()?;
    assert_eq!(received["messages"], json!([{"role": "assistant", "content": "hi"}]));
    assert_eq!((&received["unknown"], &received["max_tokens"]), (&json!([1]), &json!(64)));
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_not_passed_through_still_hides_the_usage_nobody_asked_for() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let turn = json!([{"role": "user", "content": "penstock: is a pipe"}]);
    let body = with(hello("openai/scripted"), &json!({"stream": true, "messages": turn}));
    let answer = send(&gateway, CHAT, &body).await?;
    assert!(answer.text().ends_with("data: [DONE]\n\n") && !answer.text().contains("\"usage\""));
    assert_eq!(last(&upstream)?.json()?["stream_options"], json!({"include_usage": true}));
    let rows = gateway.usage_of(1).await?;
    assert_eq!((&rows[0]["source"], &rows[0]["usage"]["output"]), (&"upstream".into(), &17.into()));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_name_of_the_field() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let private = "a private question";
    let messages = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let mut cases = Vec::new();
    for (path, provider) in DIRECTIONS {
        let model = format!("{provider}/scripted");
        let field = |more: &Value, expected| (path, with(hello(&model), more), expected);
        cases.extend([
            (path, json!({"model": model, "max_tokens": 9}), "messages: expected a list, found nothing"),
            field(&json!({"messages": private}), "messages: "),
            field(&json!({"messages": [private]}), "messages[0]: "),
            field(&messages(json!(5)), "messages[0].content: "),
            field(&messages(json!([{"type": "text", "text": [private]}])), "messages[0].content"),
            field(&json!({"max_tokens": private}), "max_tokens: expected a number, found a string"),
            field(&json!({"stream": private}), "stream: "),
            field(&json!({"temperature": private}), "temperature: expected a number"),
            field(&json!({"tools": {"name": private}}), "tools: "),
            field(&json!({"tools": [private]}), "tools[0]: "),
        ]);
    }
    let chat = |more: &Value| (CHAT, with(hello("anthropic/scripted"), more));
    let call = json!({"id": 7, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let (path, body) = chat(&json!({"messages": [{"role": "assistant", "tool_calls": [call]}]}));
    cases.push((path, body, "messages[0].tool_calls[0].id: "));
    let (path, body) = chat(&json!({"tools": [{"type": "function", "function": {"name": 5}}]}));
    cases.push((path, body, "tools[0].function.name: "));
    assert!(cases.len() >= 20);
    for (path, body, expected) in cases {
        let answer = send(&gateway, path, &body).await?;
        let (status, kind, message) = error(path, &answer)?;
        assert_eq!((status, kind.as_str()), (400, "invalid_request_error"), "{path} {body}: {message}");
        assert!(message.starts_with(expected), "{path} {body}: {message}");
        assert!(!answer.text().contains(private), "an error quotes no prompt: {message}");
    }
    assert_eq!(upstream.requests().len(), 0, "none of it went anywhere");
    gateway.settled().await?;
    assert_eq!(gateway.usage().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_conversation_of_three_megabytes_is_translated() -> Result<()> {
    const TURNS: usize = 300;
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    let words = "naïve café, \"quoted\", back\\slash, 日本語 and 🎉\n".repeat(95);
    let arguments = json!({"text": words, "days": 3.5}).to_string();
    let mut chat = Vec::new();
    let mut messages = Vec::new();
    for turn in 0..TURNS {
        let (id, question) =
            (format!("call_{turn}"), json!({"role": "user", "content": format!("{turn}: {words}")}));
        chat.push(question.clone());
        chat.push(json!({
            "role": "assistant", "content": null,
            "tool_calls": [{"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}}],
        }));
        chat.push(json!({"role": "tool", "tool_call_id": id, "content": "fine"}));
        messages.push(question);
        let input: Value = serde_json::from_str(&arguments)?;
        let call = json!({"type": "tool_use", "id": id, "name": "f", "input": input});
        messages.push(json!({"role": "assistant", "content": [call]}));
        let result = json!({"type": "tool_result", "tool_use_id": id, "content": "fine"});
        messages.push(json!({"role": "user", "content": [result]}));
    }
    for ((path, provider), conversation) in DIRECTIONS.into_iter().zip([&chat, &messages]) {
        let body =
            with(hello(&format!("{provider}/scripted@tag={provider}")), &json!({"messages": conversation}));
        let length = body.to_string().len();
        assert!(length > 3 << 20, "{length} bytes");
        let answer = send(&gateway, path, &body).await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let received = last(&upstream)?.json()?;
        let mut expected = Value::Array(if path == CHAT { messages.clone() } else { chat.clone() });
        let mut written = received["messages"].clone();
        // the arguments are a text in one of them, whose members may be in any order
        for turn in expected.as_array_mut().into_iter().chain(written.as_array_mut()).flatten() {
            if let Some(text) = turn.pointer_mut("/tool_calls/0/function/arguments") {
                *text = serde_json::from_str(text.as_str().context("no text")?)?;
            }
            if turn.get("tool_calls").is_some() && turn.get("content") == Some(&Value::Null) {
                turn.as_object_mut().context("no object")?.remove("content");
            }
        }
        assert!(written == expected, "{path}: the conversation arrived as it was");
    }
    Ok(())
}

#[tokio::test]
async fn headers_and_queries_of_one_dialect_do_not_reach_the_other() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = start(&upstream).await?;
    for (path, provider) in DIRECTIONS {
        let body = hello(&format!("{provider}/scripted")).to_string();
        let answer = post(gateway.at(&format!("{path}?beta=true")), body)
            .key("penstock")
            .header("anthropic-version", "2023-01-01")
            .header("anthropic-beta", "something-2027-01-01")
            .header("openai-organization", "org-1")
            .header("x-stainless-lang", "python")
            .header("user-agent", "a library")
            .header("x-unknown", "kept")
            .send()
            .await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let received = last(&upstream)?;
        assert!(!received.path.contains('?'), "{}", received.path);
        let (authorization, key, version) = match provider {
            "anthropic" => (None, Some("sk-ant-upstream"), Some("2023-06-01")),
            _ => (Some("Bearer sk-upstream-openai"), None, None),
        };
        let expected = [
            ("authorization", authorization),
            ("x-api-key", key),
            ("anthropic-version", version),
            ("anthropic-beta", None),
            ("openai-organization", None),
            ("x-stainless-lang", None),
            ("user-agent", None),
            ("content-type", Some("application/json")),
            ("accept-encoding", Some("identity")),
            ("x-unknown", Some("kept")),
        ];
        for (name, value) in expected {
            assert_eq!(received.header(name), value, "{path}: {name}");
        }
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    }
    Ok(())
}

#[tokio::test]
async fn an_own_key_goes_to_its_provider_in_the_providers_way() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("byok", "true").start().await?;
    let body = hello("anthropic/scripted").to_string();
    let answer = post(gateway.at(CHAT), body).key("sk-ant-my-own").send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = last(&upstream)?;
    let keys = (received.header("x-api-key"), received.header("authorization"));
    assert_eq!(keys, (Some("sk-ant-my-own"), None));
    let body = hello("openai/scripted").to_string();
    let answer = post(gateway.at(MESSAGES), body).header("x-api-key", "sk-proj-my-own").send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = last(&upstream)?;
    let keys = (received.header("x-api-key"), received.header("authorization"));
    assert_eq!(keys, (None, Some("Bearer sk-proj-my-own")));
    Ok(())
}

#[tokio::test]
async fn logs_of_translations_hold_no_key_and_no_prompt() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let builder = Builder::new()?.upstream(&upstream.url()).variable("RUST_LOG", "trace");
    let gateway = builder.start().await?;
    let key = gateway.make_key("ada", "*")?;
    let question = "a private question";
    let details = |path: &str| {
        let (more, _) = lossy(path);
        let turn = json!({
            "role": "assistant", "content": [{"type": "text", "text": question}],
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": question}}],
        });
        let user = json!({"role": "user", "content": question});
        with(more, &json!({"messages": [user, turn, user], "system": question, "user": question}))
    };
    for (path, provider) in DIRECTIONS {
        while post(gateway.at(path), "{}").key(&key).send().await?.status == 401 {
            tokio::task::yield_now().await;
        }
        let body =
            |directives: &str| with(hello(&format!("{provider}/scripted{directives}")), &details(path));
        let mut bodies = Vec::new();
        for directives in ["", "@mid-error=4", "@garbage", "@status=400", "@status=401", "@cut-after=3"] {
            bodies.push(body(directives));
            bodies.push(with(body(directives), &json!({"stream": true})));
        }
        bodies.push(with(body(""), &json!({"messages": question})));
        bodies.push(with(body(""), &json!({"messages": [{"role": "user", "content": {"text": question}}]})));
        bodies.push(with(body(""), &json!({"max_tokens": question})));
        for body in bodies {
            post(gateway.at(path), body.to_string()).key(&key).send().await?;
        }
        // a provider that quotes its client
        let quoted =
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": question}});
        upstream.respond_next(ScriptedAnswer::json(400, quoted.to_string())?);
        let answer = post(gateway.at(path), body("").to_string()).key(&key).send().await?;
        assert!(answer.status == 400 && answer.text().contains(question), "{}", answer.text());
    }
    gateway.settled().await?;
    let log = gateway.log()?;
    assert!(log.contains("a translation") && log.contains("cannot be read"), "there is a log to look at");
    let secrets = [
        key.as_str(),
        "sk-upstream-openai",
        "sk-ant-upstream",
        question,
        "The scripted upstream",
        "EqQBCkYIBxgCKkBz",
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
    Ok(())
}
