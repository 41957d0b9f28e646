//! Hooks: what they are given, what they give back, how they fail.

use penstock_core::Json;
use penstock_core::canonical::{CanonicalChunk, ContentBlock, FromJson as _};
use penstock_pipeline::{Flow, Hook};
use serde_json::json;

use crate::rig::{context, module, out, pre, pre_module, response_context, try_module};

const ANSWER: &str = r#"{"id":"a","model":"m","role":"assistant","content":[{"type":"text","text":"four"}],
    "stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":1}}"#;

#[tokio::test]
async fn a_module_is_loaded_and_its_pre_runs() {
    let module = module(
        "export default { name: 'first', version: '1.2.3', async pre(ctx: any): Promise<any> {
            ctx.metadata.set('seen', ctx.request.model);
            return { continue: true };
        } }",
    )
    .await;
    assert_eq!((module.name(), module.version()), ("first", "1.2.3"));
    assert_eq!(module.hooks().iter().collect::<Vec<_>>(), [Hook::Pre]);
    let (context, done) = pre(&*module).await;
    assert_eq!(done, Ok(Flow::Continue));
    assert_eq!(context.metadata.get("seen"), Some(&json!("gpt")));
}

#[tokio::test]
async fn a_hook_sees_who_asks_and_when() {
    let key = out("return { ...ctx.apiKey }").await;
    let expected = json!({ "id": "key-1", "keyId": "key-1", "userId": "user-1", "tier": "local", "revoked": false,
        "providerKey": "sk-own" });
    assert_eq!(key, expected);
    assert_eq!(out("return ctx.startTime").await, json!(1_700_000_000_000_u64));
    assert_eq!(
        out("return Object.keys(ctx)").await,
        json!(["request", "metadata", "storage", "apiKey", "logger", "startTime"])
    );
    assert_eq!(
        out("const { request, ...rest } = { ...ctx }; return [request.model, rest.startTime]").await[0],
        "gpt"
    );
}

#[tokio::test]
async fn pre_may_answer_with_a_response_of_its_own() {
    let module = module(
        "import { errorResponse, textResponse } from '@prxy/module-sdk';
        export default { name: 'answers', version: '1.0.0', async pre(ctx: any) {
            const refuses = ctx.metadata.get('refuses');
            const response = refuses ? errorResponse('too_much', 'no', { status: 429 }) : textResponse('hello');
            return { continue: false, response };
        } }",
    )
    .await;
    let (_, done) = pre(&*module).await;
    let Ok(Flow::Respond(response)) = done else { panic!("{done:?}") };
    assert_eq!(response.content, [ContentBlock::text("hello")]);
    let mut context = context().await;
    context.metadata.set("refuses", true);
    let Ok(Flow::Respond(response)) = module.pre(&mut context).await else { panic!() };
    let [ContentBlock::Text(text)] = response.content.as_slice() else { panic!("{response:?}") };
    assert_eq!(text.text.to_str(), r#"{"error":{"type":"too_much","message":"no","status":429}}"#);
}

#[tokio::test]
async fn stream_changes_a_piece_or_leaves_it_as_it_was() {
    let module = module(
        "export default { name: 'shouts', version: '1.0.0', async stream(chunk: any, ctx: any) {
            ctx.metadata.set('so far', ctx.response.content.length);
            if (chunk.type === 'content_block_delta') chunk.delta.text = chunk.delta.text.toUpperCase();
            return chunk;
        } }",
    )
    .await;
    let piece = |text: &str| CanonicalChunk::read(&Json::parse(text.to_owned()).unwrap()).unwrap();
    let mut context = response_context(ANSWER).await;
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"four"}}"#;
    let edited = module.stream(piece(delta), &mut context).await.unwrap();
    assert_eq!(edited, piece(&delta.replace("four", "FOUR")));
    assert_eq!(context.metadata.get("so far"), Some(&json!(1)));
    let start = r#"{"type":"content_block_start","index":1,"contentBlock":{"type":"tool_use","id":"1","name":"t","input":{"n":18446744073709551616}}}"#;
    let same = module.stream(piece(start), &mut context).await.unwrap();
    assert_eq!(Json::of(&same).text(), Json::of(&piece(start)).text());
}

#[tokio::test]
async fn post_sees_the_answer_and_how_long_it_took() {
    let module = module(
        "export default { name: 'sees', version: '1.0.0', async post(ctx: any) {
            const { content, usage, stopReason, role } = ctx.response;
            ctx.metadata.set('seen', [content[0].text, usage.outputTokens, stopReason, role, ctx.durationMs]);
        } }",
    )
    .await;
    let mut context = response_context(ANSWER).await;
    module.post(&mut context).await.unwrap();
    assert_eq!(context.metadata.get("seen"), Some(&json!(["four", 1, "end_turn", "assistant", 1500])));
}

#[tokio::test]
async fn metadata_is_a_map_whose_changes_come_back() {
    let module = pre_module(
        "const before = ctx.metadata.get('list'); before.push(2);
        ctx.metadata.set('new', { a: [1, null] }); ctx.metadata.delete('gone');
        if (!(ctx.metadata instanceof Map)) throw new Error('it is no map');",
    )
    .await;
    let mut context = context().await;
    for (key, value) in [("list", json!([1])), ("gone", json!(1)), ("kept", json!("k"))] {
        context.metadata.set(key, value);
    }
    module.pre(&mut context).await.unwrap();
    let all: Vec<_> = context.metadata.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    let expected = [("kept", json!("k")), ("list", json!([1, 2])), ("new", json!({ "a": [1, null] }))];
    assert_eq!(all, expected.map(|(key, value)| (key.to_owned(), value)));
    for (body, said) in [
        (
            "ctx.metadata.set('f', () => 1)",
            "ctx.metadata: expected JSON as the value of \"f\", found function",
        ),
        (
            "ctx.metadata.set('u', undefined)",
            "ctx.metadata: expected JSON as the value of \"u\", found undefined",
        ),
        ("ctx.metadata.set('b', 1n)", "ctx.metadata: expected JSON as the value of \"b\", found bigint"),
        ("ctx.metadata.set(1, 1)", "ctx.metadata: expected a text as key, found number"),
    ] {
        let (_, done) = pre(&*pre_module(body).await).await;
        let error = done.expect_err(body).to_string();
        assert!(error.contains(said), "{body}: {error}");
    }
}

#[tokio::test]
async fn an_error_names_file_line_and_column_of_the_source() {
    // the types above move every line of what runs
    let text = "interface Long {\n  a: string;\n  b: number;\n}\ntype Other = Long & { c: boolean };\n\
        function inner(value: Other | undefined): string {\n  return value!.a;\n}\n\
        export default { name: 'throws', version: '1.0.0', async pre(ctx: any) {\n  \
        await null;\n  const which: string = ctx.metadata.get('which');\n  \
        if (which === 'plain') throw new Error('boom');\n  \
        if (which === 'text') throw 'just a text';\n  \
        if (which === 'object') throw { status: 1 };\n  \
        if (which === 'nothing') throw undefined;\n  \
        if (which === 'cause') throw new Error('outer', { cause: new TypeError('inner') });\n  \
        inner(undefined);\n  return { continue: true };\n} };\n";
    let module = module(text).await;
    for (which, message, place) in [
        ("plain", "boom", Some((12, 36))),
        ("type", "TypeError: cannot read property 'a' of undefined", Some((7, 10))),
        ("cause", "outer: TypeError: inner", Some((16, 64))),
        ("text", "it threw just a text", None),
        ("object", "it threw {\"status\":1}", None),
        ("nothing", "it threw undefined", None),
    ] {
        let mut context = context().await;
        context.metadata.set("which", which);
        let error = module.pre(&mut context).await.expect_err(which);
        assert_eq!(error.message, message, "{which}");
        let found = error.place.as_ref().map(|place| (place.line, place.column));
        assert_eq!(found, place, "{which}: {error}");
        assert!(error.place.is_none_or(|place| place.file.ends_with("module.ts")), "{which}");
    }
}

#[tokio::test]
async fn rubbish_that_a_hook_returns_is_refused_in_words() {
    for (returned, said) in [
        ("undefined", "pre: expected { continue: true } or { continue: false, response }, found undefined"),
        ("null", "found null"),
        ("5", "found a number"),
        ("'yes'", "found a string"),
        ("{}", "found an object in which continue is neither true nor false"),
        ("{ continue: 'yes' }", "found an object in which continue is neither true nor false"),
        ("{ continue: false }", "continue: false without a response"),
        ("{ continue: false, response: { content: 'hi' } }", "pre: response.content: expected an array"),
        (
            "{ continue: false, response: { content: [{ type: 'texts', text: 'x' }] } }",
            "pre: response.content[0].type: expected `text`",
        ),
        (
            "{ continue: false, response: { content: [], stop: 1 } }",
            "pre: response.stop: expected no such field",
        ),
        ("{ continue: false, response: 1n }", "BigInt"),
    ] {
        let text =
            format!("export default {{ name: 'm', version: '1', async pre() {{ return {returned} }} }}");
        let (_, done) = pre(&*module(&text).await).await;
        let error = done.expect_err(returned).to_string();
        assert!(error.contains(said), "{returned}: {error}");
    }
    let text = "export default { name: 'm', version: '1', async stream(chunk: any) { if (chunk.index) return; return { type: 'no' } } }";
    let module = module(text).await;
    let mut context = response_context(ANSWER).await;
    for (index, said) in [(1, "stream: expected a chunk, found undefined"), (0, "stream: type: expected")] {
        let error =
            module.stream(CanonicalChunk::ContentBlockStop { index }, &mut context).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn what_is_read_after_the_hook_is_refused_in_words() {
    let module = module(
        "let kept: any; export default { name: 'late', version: '1', async pre(ctx: any) {
            if (kept) { let said; try { kept.request.messages.length } catch (e: any) { said = e.message }
                ctx.metadata.set('said', said); }
            kept = ctx; return { continue: true };
        } }",
    )
    .await;
    pre(&*module).await.1.unwrap();
    let (context, done) = pre(&*module).await;
    done.unwrap();
    let said = context.metadata.get("said").unwrap().as_str().unwrap();
    assert!(said.starts_with("this hook is over"), "{said}");
}

#[tokio::test]
async fn hooks_that_are_not_async_work_too() {
    let module = module("export default { name: 'm', version: '1', pre: () => ({ continue: true }) }").await;
    assert_eq!(pre(&*module).await.1, Ok(Flow::Continue));
}

#[tokio::test]
async fn a_module_says_what_a_failure_of_it_means() {
    let closed =
        module("export default { name: 'm', version: '1', onFailure: 'closed', timeoutMs: 20, pre() {} }")
            .await;
    assert_eq!(closed.on_failure(), penstock_pipeline::OnFailure::Closed);
    assert_eq!(closed.time_budget(Hook::Pre), Some(std::time::Duration::from_millis(20)));
    for (field, said) in [
        ("onFailure: 'maybe'", "onFailure: expected \"open\" or \"closed\""),
        ("workers: 0", "workers: expected a whole number from 1 to 64"),
        ("timeoutMs: -1", "timeoutMs: expected a number above 0"),
        ("post: 5", "post: expected a function, found number"),
    ] {
        let text = format!("export default {{ name: 'm', version: '1', pre() {{}}, {field} }}");
        let error = try_module(&text).await.expect_err(field);
        assert!(error.contains(said), "{field}: {error}");
    }
}
