//! Chat completions as OpenAI documents them: the whole object, and its chunks.
//!
//! A stream carries a `usage` key only if the client asked for usage: null on every chunk, then a chunk
//! of its own with empty choices. Reasoning comes the way DeepSeek and vLLM send it, which is before the
//! content and with the other of the two fields null.

use super::received::ReportedUsage;
use super::render::{
    ODDITIES, Part, Sse, THOUGHTS, fill, pieces, quote, text_of, text_pieces, tool_calls, usage_of,
};
use super::request::Ask;
use super::script::Flag;

const ID: &str = "chatcmpl-Scripted0123456789abcdefghijk";
const CALL_IDS: [&str; 2] = ["call_Scripted00000000000001", "call_Scripted00000000000002"];

pub(super) fn json(ask: &Ask) -> Part {
    let calls = tool_calls(ask);
    let (content, tools) = if calls.is_empty() {
        let text = quote(&text_of(ask));
        (if refuses(ask) { "null".to_owned() } else { text }, String::new())
    } else {
        let calls: Vec<_> = calls
            .iter()
            .zip(CALL_IDS)
            .map(|((name, arguments), id)| {
                fill(
                    r#"{ "id": "$id", "type": "function", "function": { "name": $name, "arguments": $arguments } }"#,
                    &[("id", id), ("name", &quote(name)), ("arguments", &quote(arguments))],
                )
            })
            .collect();
        ("null".to_owned(), format!("\n        \"tool_calls\": [{}],", calls.join(", ")))
    };
    let reasoning = match &ask.script.reasoning {
        Some(field) => format!("\n        \"{field}\": {},", quote(THOUGHTS)),
        None => String::new(),
    };
    let refusal = if refuses(ask) { quote(&text_of(ask)) } else { "null".to_owned() };
    let usage = reported(ask);
    let usage_field = match usage {
        Some(usage) => format!("\n  \"usage\": {},", usage_json(usage)),
        None => String::new(),
    };
    let body = fill(
        r#"{
  "id": "$id",
  "object": "chat.completion",
  "created": 1760000000,
  "model": $model,
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": $content,$reasoning$tools
        "refusal": $refusal,
        "annotations": []
      },
      "logprobs": null,
      "finish_reason": "$finish"
    }
  ],$usage
  $oddities,
  "service_tier": "default",
  "system_fingerprint": "fp_5c21a17ed0"
}
"#,
        &[
            ("id", ID),
            ("model", &quote(&ask.name)),
            ("content", &content),
            ("reasoning", &reasoning),
            ("tools", &tools),
            ("refusal", &refusal),
            ("finish", finish(ask)),
            ("usage", &usage_field),
            ("oddities", ODDITIES),
        ],
    );
    Part { usage, ..Part::new(body) }
}

pub(super) fn stream(ask: &Ask) -> Vec<Part> {
    let mut sse = Sse::new(&ask.script);
    let usage = reported(ask).filter(|_| ask.include_usage);
    let chunk = |choices: &str, usage: &str| {
        fill(
            r#"{"id":"$id","object":"chat.completion.chunk","created":1760000000,"model":$model,"service_tier":"default","system_fingerprint":"fp_5c21a17ed0","choices":[$choices]$usage,"obfuscation":"q7Zk"}"#,
            &[("id", ID), ("model", &quote(&ask.name)), ("choices", choices), ("usage", usage)],
        )
    };
    let unreported = if usage.is_some() { r#","usage":null"# } else { "" };
    let delta = |delta: &str, finish: &str| {
        let choice = fill(
            r#"{"index":0,"delta":$delta,"logprobs":null,"finish_reason":$finish}"#,
            &[("delta", delta), ("finish", finish)],
        );
        chunk(&choice, unreported)
    };

    let calls = tool_calls(ask);
    let open = if calls.is_empty() && ask.script.reasoning.is_none() { r#""""# } else { "null" };
    let mut first = delta(&format!(r#"{{"role":"assistant","content":{open},"refusal":null}}"#), "null");
    if calls.is_empty() {
        first.truncate(first.len() - 1);
        first.extend([",", ODDITIES, "}"]);
    }
    sse.push(None, &first);
    for said in reasoning_deltas(ask).iter().chain(&said_deltas(ask, &calls)) {
        sse.push(None, &delta(said, "null"));
    }
    sse.push(None, &delta("{}", &quote(finish(ask))));
    if let Some(usage) = usage {
        sse.push(None, &chunk("", &format!(r#","usage":{}"#, usage_json(usage))));
        sse.reports(usage);
    }
    if !ask.script.has(Flag::NoDone) {
        sse.push(None, "[DONE]");
    }
    sse.parts
}

/// The deltas that show the reasoning, where the script wants it shown.
fn reasoning_deltas(ask: &Ask) -> Vec<String> {
    let Some(field) = &ask.script.reasoning else { return Vec::new() };
    let pieces = pieces(THOUGHTS, 3).into_iter();
    pieces.map(|piece| format!(r#"{{"content":null,"{field}":{}}}"#, quote(piece))).collect()
}

/// The deltas of what is said: a text, a refusal, or calls of tools.
fn said_deltas(ask: &Ask, calls: &[(&str, &'static str)]) -> Vec<String> {
    if calls.is_empty() {
        let text = text_of(ask);
        let field = if refuses(ask) { "refusal" } else { "content" };
        let beside = match &ask.script.reasoning {
            Some(reasoning) => format!(r#","{reasoning}":null"#),
            None => String::new(),
        };
        let pieces = text_pieces(ask, &text).into_iter();
        return pieces.map(|piece| format!(r#"{{"{field}":{}{beside}}}"#, quote(piece))).collect();
    }
    let calls: Vec<Vec<String>> = calls
        .iter()
        .zip(CALL_IDS)
        .enumerate()
        .map(|(index, ((name, arguments), id))| {
            let index = index.to_string();
            let opening = fill(
                r#"{"tool_calls":[{"index":$index,"id":"$id","type":"function","function":{"name":$name,"arguments":""}}]}"#,
                &[("index", &index), ("id", id), ("name", &quote(name))],
            );
            let more = pieces(arguments, 4).into_iter().map(|piece| {
                fill(
                    r#"{"tool_calls":[{"index":$index,"function":{"arguments":$piece}}]}"#,
                    &[("index", &index), ("piece", &quote(piece))],
                )
            });
            std::iter::once(opening).chain(more).collect()
        })
        .collect();
    if !ask.script.has(Flag::Interleaved) {
        return calls.concat();
    }
    let longest = calls.iter().map(Vec::len).max().unwrap_or_default();
    (0..longest).flat_map(|at| calls.iter().filter_map(move |call| call.get(at).cloned())).collect()
}

/// Whether the answer is a refusal; tools are called before there is anything to refuse.
fn refuses(ask: &Ask) -> bool {
    ask.script.has(Flag::Refusal) && ask.tools.is_empty()
}

fn finish(ask: &Ask) -> &str {
    let usual = if ask.tools.is_empty() { "stop" } else { "tool_calls" };
    ask.script.finish.as_deref().unwrap_or(usual)
}

fn reported(ask: &Ask) -> Option<ReportedUsage> {
    let usage = ReportedUsage { cache_write_5m: 0, cache_write_1h: 0, ..usage_of(&ask.script) };
    (!ask.script.has(Flag::NoUsage)).then_some(usage)
}

fn usage_json(usage: ReportedUsage) -> String {
    fill(
        r#"{"prompt_tokens":$input,"completion_tokens":$output,"total_tokens":$total,"prompt_tokens_details":{"cached_tokens":$cached,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":$reasoning,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#,
        &[
            ("input", &usage.input.to_string()),
            ("output", &usage.output.to_string()),
            ("total", &(usage.input + usage.output).to_string()),
            ("cached", &usage.cached.to_string()),
            ("reasoning", &usage.reasoning.to_string()),
        ],
    )
}
