//! The request: what crosses, and what goes back.

use std::sync::atomic::Ordering;

use penstock_core::Json;

use crate::rig::{REQUEST, context, context_of, counted, out, pre, pre_module, text_of};
use serde_json::json;

/// The request after `pre` with this body.
async fn after(body: &str) -> Result<String, String> {
    let (context, done) = pre(&*pre_module(body).await).await;
    done.map(|_| text_of(&context.request)).map_err(|error| error.to_string())
}

fn as_it_came() -> String {
    let request = counted(REQUEST).0;
    text_of(&request)
}

#[tokio::test]
async fn a_hook_that_reads_the_model_does_not_decode_the_request() {
    let long = "x".repeat(400_000);
    let text = json!({ "model": "gpt", "messages": [{ "role": "user", "content": long }], "stream": false })
        .to_string();
    let module =
        pre_module("if (ctx.request.model !== 'gpt' || ctx.request.stream) throw new Error('another')").await;
    let (request, source) = counted(&text);
    let mut context = context().await;
    context.request = request;
    module.pre(&mut context).await.unwrap();
    assert_eq!(source.decoded.load(Ordering::Relaxed), 0);
    let changes = pre_module("ctx.request.model = 'other'").await;
    changes.pre(&mut context).await.unwrap();
    assert_eq!((context.request.model(), source.decoded.load(Ordering::Relaxed)), ("other", 0));
    assert!(context.request.edited().is_none(), "the body is passed on as it came");
    let reads = pre_module("if (ctx.request.messages.length !== 1) throw new Error('another')").await;
    reads.pre(&mut context).await.unwrap();
    assert_eq!(source.decoded.load(Ordering::Relaxed), 1);
    assert!(context.request.edited().is_none());
}

#[tokio::test]
async fn reading_everything_changes_nothing() {
    for body in [
        "JSON.stringify(ctx.request)",
        "({ ...ctx.request })",
        "for (const message of ctx.request.messages) for (const block of message.content) block.type",
        "ctx.request.messages.map((m: any) => m.role).join()",
        "structuredClone(ctx.request)",
        "Object.keys(ctx.request); 'system' in ctx.request; ctx.request.messages.at(-1)",
        "ctx.request.messages = [...ctx.request.messages]",
        "ctx.request = { ...ctx.request }",
        "ctx.request.messages.slice().reverse()",
        "ctx.request.maxTokens = 100; ctx.request.temperature = 1",
        "ctx.request.system = undefined",
        "const [first] = ctx.request.messages; ctx.request.messages.shift(); ctx.request.messages.unshift(first)",
    ] {
        let (context, done) = pre(&*pre_module(body).await).await;
        done.unwrap_or_else(|error| panic!("{body}: {error}"));
        assert!(context.request.edited().is_none(), "{body}: {}", text_of(&context.request));
    }
}

#[tokio::test]
async fn what_is_changed_goes_back_and_numbers_keep_their_text() {
    let before = as_it_came();
    assert!(before.contains("18446744073709551616") && before.contains("\"f\":1.0"), "{before}");
    for (body, from, to) in [
        ("ctx.request.messages[0].content = 'bye'", r#""hi""#, r#""bye""#),
        ("ctx.request.messages[1].content[0].input.n2 = 2", r#""f":1.0"#, r#""f":1.0,"n2":2"#),
        ("ctx.request.messages[1].content[0].name = 'u'", r#""name":"t""#, r#""name":"u""#),
        (
            "ctx.request.messages.unshift({ role: 'user', content: 'first' })",
            r#""messages":["#,
            r#""messages":[{"role":"user","content":"first"},"#,
        ),
        ("ctx.request.messages.splice(0, 1)", r#"{"role":"user","content":"hi"},"#, ""),
        (
            "ctx.request.messages = ctx.request.messages.filter((m: any) => m.content !== 'hi')",
            r#"{"role":"user","content":"hi"},"#,
            "",
        ),
        ("ctx.request.messages.shift()", r#"{"role":"user","content":"hi"},"#, ""),
        ("delete ctx.request.temperature", r#","temperature":1.0"#, ""),
        ("ctx.request.temperature = null", r#","temperature":1.0"#, ""),
        ("ctx.request.temperature = 0.5", "1.0,\"stream", "0.5,\"stream"),
        ("ctx.request.maxTokens += 1", ":100", ":101"),
        ("ctx.request = { ...ctx.request, maxTokens: 5 }", ":100", ":5"),
        (
            "ctx.request.metadata = { user_id: 'u' }",
            r#""stream":false"#,
            r#""stream":false,"metadata":{"user_id":"u"}"#,
        ),
        ("Object.assign(ctx.request, { topK: 4 })", r#","stream""#, r#","topK":4,"stream""#),
        (
            "ctx.request.messages.reverse(); ctx.request.messages.reverse(); ctx.request.messages[0].content = 'x'",
            r#""hi""#,
            r#""x""#,
        ),
    ] {
        let expected = before.replacen(from, to, 1);
        assert_ne!(expected, before, "{body}");
        assert_eq!(after(body).await.as_ref(), Ok(&expected), "{body}");
    }
    let pushed =
        after("ctx.request.messages.push({ role: 'user', content: [{ type: 'text', text: 'more' }] })")
            .await
            .unwrap();
    let expected = r#"{"role":"user","content":[{"type":"text","text":"more"}]}],"maxTokens""#;
    assert!(pushed.contains(expected) && pushed.contains("18446744073709551616"), "{pushed}");
}

#[tokio::test]
async fn a_change_that_makes_no_sense_is_refused_in_words() {
    for (body, said) in [
        ("ctx.request.stream = true", "request.stream: it cannot be changed: whether the answer is streamed"),
        ("ctx.request.model = 5", "request.model: expected the name of a model, found a number"),
        ("ctx.request.model = ''", "request.model: expected the name of a model, found an empty one"),
        ("delete ctx.request.model", "request.model: expected the name of a model, found nothing"),
        ("ctx.request.messages = 'none'", "request.messages: expected an array"),
        ("ctx.request.messages[0].role = 'robot'", "request.messages[0].role"),
        ("ctx.request.messages.push({ role: 'user' })", "request.messages[3].content: expected"),
        ("ctx.request.maxtokens = 5", "request.maxtokens: expected no such field"),
        ("ctx.request = 5", "ctx.request: expected an object, found number"),
        ("ctx.request.messages.push(undefined)", "request.messages[3]"),
    ] {
        let error = after(body).await.expect_err(body);
        assert!(error.contains(said), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_hook_that_changes_and_then_throws_has_changed_nothing() {
    let module = pre_module("ctx.request.model = 'x'; ctx.request.messages.length = 0; ctx.metadata.set('m', 1); throw new Error('no')").await;
    let (context, done) = pre(&*module).await;
    assert_eq!(done.unwrap_err().message, "no");
    assert_eq!((context.request.model(), text_of(&context.request)), ("gpt", as_it_came()));
    assert_eq!(context.metadata.iter().count(), 0);
}

#[tokio::test]
async fn a_request_that_cannot_be_decoded_says_so_only_to_whoever_reads_it() {
    let mut context = context_of(r#"{"odd":1}"#).await;
    pre_module("ctx.request.model").await.pre(&mut context).await.unwrap();
    let error = pre_module("ctx.request.messages").await.pre(&mut context).await.unwrap_err();
    assert!(error.to_string().contains("odd"), "{error}");
}

#[tokio::test]
async fn lists_behave_as_arrays_do() {
    for (body, expected) in [
        ("return Array.isArray(ctx.request.messages)", json!(true)),
        ("return ctx.request.messages.length", json!(3)),
        ("return ctx.request.messages.map((m: any) => m.role)", json!(["user", "assistant", "user"])),
        (
            "return ctx.request.messages.findLast((m: any) => m.role === 'user').content[0].content",
            json!("ok"),
        ),
        ("return [...ctx.request.messages].length", json!(3)),
        ("return ctx.request.messages.concat([1]).length", json!(4)),
        ("return 3 in ctx.request.messages || !(2 in ctx.request.messages)", json!(false)),
        ("return ctx.request.messages[7] ?? 'none'", json!("none")),
        (
            "ctx.request.messages.length = 1; return ctx.request.messages",
            json!([{ "role": "user", "content": "hi" }]),
        ),
        ("return ctx.request.messages.splice(1, 2).length + ctx.request.messages.length * 10", json!(12)),
        ("return ctx.request.nothing === undefined && ctx.request.system === undefined", json!(true)),
        (
            "return Object.keys(ctx.request).sort()",
            json!(["maxTokens", "messages", "model", "stream", "temperature"]),
        ),
    ] {
        let undo = "; ctx.request.messages = before";
        let body = format!(
            "const before = [...ctx.request.messages]; const out = await (async () => {{ {body} }})(){undo}; return out"
        );
        assert_eq!(out(&body).await, expected, "{body}");
    }
}

#[tokio::test]
async fn an_answer_made_of_json_keeps_its_numbers() {
    let edited = after("const { input } = ctx.request.messages[1].content[0]; input.more = { ...input }")
        .await
        .unwrap();
    // a copy of a number that a script has seen is a number of scripts
    assert!(
        edited.contains(
            r#""input":{"n":18446744073709551616,"f":1.0,"more":{"n":18446744073709552000,"f":1}}"#
        ),
        "{edited}"
    );
    assert!(Json::parse(edited).is_some());
}
