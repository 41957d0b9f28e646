//! Modules in TypeScript in the real binary: what they do, what they do wrong, and who notices.

use std::path::PathBuf;

use anyhow::Result;
use futures_util::future::join_all;
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::http::post;
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

use super::{CHAT, MESSAGES, ask, chat, error, known_key, save, streamed, told};

/// A folder of modules beside the data, and a gateway that runs them.
struct Scripts {
    folder: PathBuf,
    builder: Builder,
}

impl Scripts {
    fn new(upstream: &ScriptedUpstream, modules: &[(&str, &str)]) -> Result<Self> {
        let data = DataDir::new()?;
        let folder = data.path().join("modules");
        std::fs::create_dir(&folder)?;
        for (name, text) in modules {
            save(&folder.join(name), text)?;
        }
        let builder = Builder::on(data).upstream(&upstream.url());
        let builder = builder.set("modules_dir", &folder.display().to_string());
        Ok(Self { folder, builder })
    }

    async fn start(self, pipe: &str) -> Result<(Gateway, PathBuf)> {
        Ok((self.builder.set("pipe", pipe).start().await?, self.folder))
    }
}

const BRIEF: &str = "import type { Module } from '@penstock/module-sdk';
import { preface } from './lib/text.js';

const module: Module = {
  name: 'brief',
  version: '1.0.0',
  async pre(ctx) {
    ctx.request.system = preface;
    return { continue: true };
  },
};
export default module;
";

#[tokio::test]
async fn a_file_in_the_folder_is_a_module_and_what_it_leaves_alone_stays_as_it_was() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let scripts = Scripts::new(&upstream, &[("brief.ts", BRIEF)])?;
    std::fs::create_dir(scripts.folder.join("lib"))?;
    std::fs::write(scripts.folder.join("lib/text.ts"), "export const preface: string = 'Be brief.';\n")?;
    let (gateway, _) = scripts.start("brief").await?;
    let body = r#"{"model":"openai/scripted","seed":18446744073709551616,"temperature":1.0,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(ask(&gateway, CHAT, body.to_owned()).await?.status, 200);
    let received = upstream.requests().pop().unwrap();
    let sent = String::from_utf8(received.body.unwrap_or_default().to_vec())?;
    assert!(sent.contains("18446744073709551616") && sent.contains("\"temperature\":1.0"), "{sent}");
    let messages = serde_json::from_str::<serde_json::Value>(&sent)?["messages"].take();
    assert_eq!(messages[0]["content"], "Be brief.", "{messages}");
    assert_eq!(messages[1], json!({ "role": "user", "content": "hi" }));
    Ok(())
}

#[tokio::test]
async fn a_module_that_only_looks_lets_the_bytes_pass() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let looks = "export default { name: 'looks', version: '1.0.0',
        async pre(ctx) { ctx.metadata.set('n', ctx.request.messages.length); return { continue: true }; } };";
    let (gateway, _) = Scripts::new(&upstream, &[("looks.ts", looks)])?.start("looks").await?;
    let odd = " {\n\"messages\" : [ {\"role\":\"user\",\"content\":\"caf\\u00e9\"} ],\"top_p\":2e3,\t\"model\":\"openai/scripted\"}";
    let answer = post(gateway.at(CHAT), odd).header("x-penstock-trace", "1").send().await?;
    assert_eq!(answer.status, 200);
    let received = upstream.requests().pop().unwrap();
    assert_eq!(received.body.as_deref(), Some(odd.replace("openai/scripted", "scripted").as_bytes()));
    assert!(answer.header("x-penstock-trace").is_some_and(|trace| trace.contains("\"n\":1")));
    Ok(())
}

#[tokio::test]
async fn a_hook_that_throws_is_undone_and_named_with_its_line() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let fails = "export default {
  name: 'fails',
  version: '1.0.0',
  async pre(ctx: { request: { model: string } }) {
    ctx.request.model = 'openai/other';
    throw new Error('not today');
  },
};
";
    let (gateway, _) = Scripts::new(&upstream, &[("fails.ts", fails)])?.start("fails").await?;
    let answer = ask(&gateway, CHAT, chat("openai/scripted", "hi")).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.requests()[0].json()?["model"], "scripted", "what it did is undone");
    told(&gateway, "fails.ts:6:").await?;
    told(&gateway, "not today").await?;
    Ok(())
}

#[tokio::test]
async fn a_policy_that_throws_refuses_with_its_name() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let policy =
        "export default { name: 'policy', version: '1.0.0', onFailure: 'closed', async pre() { throw 1; } };";
    let (gateway, _) = Scripts::new(&upstream, &[("policy.mjs", policy)])?.start("policy").await?;
    let answer = ask(&gateway, MESSAGES, chat("anthropic/scripted", "hi")).await?;
    assert_eq!(answer.status, 503);
    assert!(
        error(&answer)?["message"].as_str().is_some_and(|text| text.contains("\"policy\"")),
        "{}",
        answer.text()
    );
    assert!(upstream.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_loop_without_end_is_ended_and_a_thousand_others_do_not_notice() -> Result<()> {
    const OTHERS: usize = 1_000;
    let upstream = ScriptedUpstream::start().await?;
    let loops = "export default { name: 'loops', version: '1.0.0', async pre(ctx) {
        if (ctx.request.messages[0].content === 'for ever') for (;;) {}
        if (ctx.request.messages[0].content === 'all of it') { const all = []; for (;;) all.push(new Array(1000).fill(1)); }
        if (ctx.request.messages[0].content === 'never') await new Promise(() => {});
        return { continue: true };
    } };";
    let data = DataDir::new()?;
    let pipeline = data.path().join("pipeline.yaml");
    std::fs::write(&pipeline, "- module: loops\n  timeout: 1s\n")?;
    let folder = data.path().join("modules");
    std::fs::create_dir(&folder)?;
    save(&folder.join("loops.ts"), loops)?;
    let builder = Builder::on(data).upstream(&upstream.url());
    let builder = builder.set("modules_dir", &folder.display().to_string());
    let gateway = builder.set("pipe_file", &pipeline.display().to_string()).start().await?;
    let bad =
        ["for ever", "all of it", "never"].map(|text| ask(&gateway, CHAT, chat("openai/scripted", text)));
    let others = async {
        let mut answered = 0;
        for _ in 0..OTHERS / 20 {
            let at_once = (0..20).map(|_| ask(&gateway, CHAT, chat("openai/scripted", "hi")));
            for answer in join_all(at_once).await {
                answered += usize::from(answer?.status == 200);
            }
        }
        Ok::<_, anyhow::Error>(answered)
    };
    let (bad, others) = tokio::join!(join_all(bad), others);
    for answer in bad {
        let answer = answer?;
        assert_eq!(answer.status, 200, "the module is open: {}", answer.text());
    }
    assert_eq!(others?, OTHERS);
    Ok(())
}

#[tokio::test]
async fn a_model_that_a_module_chooses_must_be_one_that_the_key_may_use() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let routes = "export default { name: 'routes', version: '1.0.0', async pre(ctx) {
        ctx.request.model = ctx.request.messages[0].content; return { continue: true }; } };";
    let (gateway, _) = Scripts::new(&upstream, &[("routes.ts", routes)])?.start("routes").await?;
    let key = known_key(&gateway, "ada", "openai/*").await?;
    let asked =
        async |model: &str| post(gateway.at(CHAT), chat("openai/scripted", model)).key(&key).send().await;
    assert_eq!(asked("openai/another").await?.status, 200);
    assert_eq!(upstream.requests().pop().unwrap().json()?["model"], "another");
    let before = upstream.requests().len();
    assert_eq!(asked("anthropic/scripted").await?.status, 403);
    assert_eq!(upstream.requests().len(), before);
    Ok(())
}

#[tokio::test]
async fn a_module_answers_as_the_client_asked() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let answers = "import { defineModule, textResponse, errorResponse } from '@prxy/module-sdk';
        export default defineModule({ name: 'answers', version: '1.0.0', async pre(ctx) {
            if (ctx.request.messages[0].content === 'refuse') {
                return { continue: false, response: errorResponse('closed', 'come back later', { status: 429, resets_at: 'noon' }) };
            }
            return { continue: false, response: textResponse('from a module') };
        } });";
    let (gateway, _) = Scripts::new(&upstream, &[("answers.ts", answers)])?.start("answers").await?;
    let whole = ask(&gateway, MESSAGES, chat("anthropic/scripted", "hi")).await?.json()?;
    assert_eq!((&whole["type"], &whole["content"][0]["text"]), (&"message".into(), &"from a module".into()));
    let stream = ask(&gateway, MESSAGES, streamed("anthropic/scripted", "hi")).await?;
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let events = stream.text();
    assert!(events.starts_with("event: message_start") && events.contains("from a module"), "{events}");
    assert!(events.trim_end().ends_with("data: {\"type\":\"message_stop\"}"), "{events}");
    let refused = ask(&gateway, CHAT, chat("openai/scripted", "refuse")).await?;
    assert_eq!(refused.status, 429);
    let error = error(&refused)?;
    assert_eq!((&error["type"], &error["resets_at"]), (&"closed".into(), &"noon".into()), "{error}");
    assert!(upstream.requests().is_empty());
    Ok(())
}

#[tokio::test]
async fn pieces_of_a_stream_pass_through_a_hook_in_both_dialects() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let shouts = "export default { name: 'shouts', version: '1.0.0', async stream(chunk) {
        if (chunk.type === 'content_block_delta' && chunk.delta.type === 'text_delta') {
            return { ...chunk, delta: { type: 'text_delta', text: chunk.delta.text.toUpperCase() } };
        }
        return chunk;
    } };";
    let (gateway, _) = Scripts::new(&upstream, &[("shouts.ts", shouts)])?.start("shouts").await?;
    for (path, model) in
        [(CHAT, "openai/scripted"), (MESSAGES, "anthropic/scripted"), (CHAT, "anthropic/scripted")]
    {
        let plain = ask(&gateway, path, chat(model, "hi")).await?.json()?;
        let text =
            plain["choices"][0]["message"]["content"].as_str().or(plain["content"][0]["text"].as_str());
        let stream = ask(&gateway, path, streamed(model, "hi")).await?;
        assert_eq!(stream.status, 200);
        let events = stream.text();
        let data =
            events.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        let mut said = String::new();
        for event in data {
            let event: serde_json::Value = serde_json::from_str(event)?;
            let piece = event["choices"][0]["delta"]["content"].as_str().or(event["delta"]["text"].as_str());
            said.push_str(piece.unwrap_or_default());
        }
        assert_eq!(Some(said), text.map(str::to_uppercase), "{path} {model}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_module_keeps_is_there_for_its_next_request_and_after_a_restart() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let counts = "export default { name: 'counts', version: '1.0.0',
        async init(storage) { await storage.db.raw('CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, model TEXT)'); },
        async pre(ctx) {
            const n = await ctx.storage.kv.incr('counts:n');
            ctx.metadata.set('n', n);
            await ctx.storage.db.from('seen').insert({ model: ctx.request.model });
            const { count } = await ctx.storage.db.from('seen').select('*', { count: 'exact', head: true });
            ctx.metadata.set('rows', count);
            return { continue: true };
        } };";
    let scripts = Scripts::new(&upstream, &[("counts.ts", counts)])?;
    let (gateway, folder) = scripts.start("counts").await?;
    let traced = async |gateway: &Gateway| -> Result<serde_json::Value> {
        let call = post(gateway.at(CHAT), chat("openai/scripted", "hi")).header("x-penstock-trace", "1");
        let answer = call.send().await?;
        Ok(serde_json::from_str::<serde_json::Value>(answer.header("x-penstock-trace").unwrap_or("{}"))?["metadata"].take())
    };
    assert_eq!(traced(&gateway).await?, json!({ "n": 1, "rows": 1 }));
    assert_eq!(traced(&gateway).await?, json!({ "n": 2, "rows": 2 }));
    let builder = Builder::on(gateway.stop().await?).upstream(&upstream.url());
    let builder = builder.set("modules_dir", &folder.display().to_string()).set("pipe", "counts");
    let gateway = builder.start().await?;
    assert_eq!(traced(&gateway).await?, json!({ "n": 3, "rows": 3 }));
    Ok(())
}

#[tokio::test]
async fn a_module_that_is_saved_runs_and_a_broken_one_changes_nothing() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let says = |word: &str| {
        format!(
            "import {{ textResponse }} from '@penstock/module-sdk';\n\
             export default {{ name: 'says', version: '1.0.0',\n\
             async pre() {{ return {{ continue: false, response: textResponse('{word}') }}; }} }};\n"
        )
    };
    let (gateway, folder) = Scripts::new(&upstream, &[("says.ts", &says("one"))])?.start("says").await?;
    let said = async || -> Result<serde_json::Value> {
        let answer = ask(&gateway, CHAT, chat("openai/scripted", "hi")).await?.json()?;
        Ok(answer["choices"][0]["message"]["content"].clone())
    };
    assert_eq!(said().await?, "one");
    save(&folder.join("says.ts"), &says("two"))?;
    told(&gateway, "modules were loaded again").await?;
    assert_eq!(said().await?, "two");
    save(&folder.join("says.ts"), "export default {\n  name: 'says',\n  version '1.0.0',\n};\n")?;
    told(&gateway, "says.ts:3:").await?;
    assert_eq!(said().await?, "two", "the one that runs goes on");
    Ok(())
}

#[tokio::test]
async fn a_module_that_cannot_be_read_keeps_the_gateway_from_starting_with_it() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let broken = "export default {\n  name: 'broken',\n  version '1.0.0',\n};\n";
    let scripts = Scripts::new(&upstream, &[("broken.ts", broken)])?;
    let output = scripts.builder.set("pipe", "broken").run(&["--port=0", "serve"])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("broken.ts:3:"), "{said}");
    Ok(())
}

#[tokio::test]
async fn fetch_reaches_whom_the_operator_allows_and_nobody_else() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let host = upstream.addr().to_string();
    let fetches = format!(
        "export default {{ name: 'fetches', version: '1.0.0', async pre(ctx) {{
            const answer = await fetch('http://{host}/v1/models').then((r) => r.status, (e) => String(e.message));
            ctx.metadata.set('answer', answer);
            return {{ continue: true }};
        }} }};"
    );
    for allowed in [true, false] {
        let scripts = Scripts::new(&upstream, &[("fetches.ts", &fetches)])?;
        let builder =
            if allowed { scripts.builder.set("modules.fetch_hosts", &host) } else { scripts.builder };
        let gateway = builder.set("pipe", "fetches").start().await?;
        let call = post(gateway.at(CHAT), chat("openai/scripted", "hi")).header("x-penstock-trace", "1");
        let answer = call.send().await?;
        let trace: serde_json::Value =
            serde_json::from_str(answer.header("x-penstock-trace").unwrap_or("{}"))?;
        let answer = &trace["metadata"]["answer"];
        if allowed {
            assert!(answer.is_number(), "{trace}");
        } else {
            assert!(answer.as_str().is_some_and(|words| words.contains("modules.fetch_hosts")), "{trace}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_new_module_is_made_listed_and_tried() -> Result<()> {
    let data = DataDir::new()?;
    let folder = data.path().join("modules");
    let gateway = Builder::on(data).start().await?;
    let command = |arguments: &[&str]| {
        let folder = format!("--modules-dir={}", folder.display());
        gateway.command(&[&[folder.as_str(), "modules"], arguments].concat())
    };
    let made = command(&["new", "word-count"])?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let again = command(&["new", "word-count"])?;
    assert!(!again.status.success(), "nothing is written over");
    let bad = command(&["new", "Word Count"])?;
    assert!(String::from_utf8_lossy(&bad.stderr).contains("expected a name of small letters"));
    let listed = command(&["list"])?;
    let table = String::from_utf8_lossy(&listed.stdout).into_owned();
    let row = table.lines().find(|line| line.trim_start().starts_with("word-count")).unwrap_or_default();
    assert!(row.contains("0.1.0") && row.contains("pre") && row.contains("not used"), "{table}");
    let file = folder.join("word-count.ts");
    let tried = command(&["test", &file.display().to_string()])?;
    let said = String::from_utf8_lossy(&tried.stdout).into_owned();
    assert!(tried.status.success(), "{said}{}", String::from_utf8_lossy(&tried.stderr));
    assert!(said.contains("metadata of 1: {\"word-count.messages\":1}"), "{said}");
    Ok(())
}
