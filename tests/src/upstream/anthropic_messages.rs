//! Messages as Anthropic documents them: the whole message, and its events from `message_start` to
//! `message_stop`, with pings between.

use super::received::ReportedUsage;
use super::render::{
    ODDITIES, Part, SIGNATURE, Sse, THOUGHTS, fill, pieces, quote, text_of, text_pieces, tool_calls, usage_of,
};
use super::request::Ask;
use super::script::Flag;

const ID: &str = "msg_01Scripted23456789ABCDEFG";
/// Reasoning that only the provider can read.
const REDACTED: &str = "EmwKAhgBEgyScriptedRedacted+/w==";
const CALL_IDS: [&str; 2] = ["toolu_01Scripted00000000000001", "toolu_01Scripted00000000000002"];

pub(super) fn json(ask: &Ask) -> Part {
    let mut blocks = Vec::new();
    if ask.thinking {
        blocks.push(fill(
            r#"{"type":"thinking","thinking":$thoughts,"signature":"$signature"}"#,
            &[("thoughts", &quote(THOUGHTS)), ("signature", SIGNATURE)],
        ));
        blocks.extend(redacted(ask));
    }
    let calls = tool_calls(ask);
    if calls.is_empty() {
        blocks.push(format!(r#"{{"type":"text","text":{}}}"#, quote(&text_of(ask))));
    }
    for ((name, arguments), id) in calls.into_iter().zip(CALL_IDS) {
        blocks.push(fill(
            r#"{"type":"tool_use","id":"$id","name":$name,"input":$input}"#,
            &[("id", id), ("name", &quote(name)), ("input", arguments)],
        ));
    }
    let usage = reported(ask);
    let body = fill(
        r#"{"id":"$id","type":"message","role":"assistant","model":$model,"content":[$content],"stop_reason":$stop,"stop_sequence":$sequence$usage,$oddities}"#,
        &[
            ("id", ID),
            ("model", &quote(&ask.name)),
            ("content", &blocks.join(",")),
            ("stop", &quote(stop_reason(ask))),
            ("sequence", &stop_sequence(ask)),
            ("usage", &usage.map(|usage| usage_json(usage, usage.output)).unwrap_or_default()),
            ("oddities", ODDITIES),
        ],
    );
    Part { usage, ..Part::new(body) }
}

pub(super) fn stream(ask: &Ask) -> Vec<Part> {
    let mut sse = Sse::new(&ask.script);
    let usage = reported(ask);
    let start = fill(
        r#"{"type":"message_start","message":{"id":"$id","type":"message","role":"assistant","model":$model,"content":[],"stop_reason":null,"stop_sequence":null$usage,$oddities}}"#,
        &[
            ("id", ID),
            ("model", &quote(&ask.name)),
            ("usage", &usage.map(|usage| usage_json(usage, 1)).unwrap_or_default()),
            ("oddities", ODDITIES),
        ],
    );
    sse.push(Some("message_start"), &start);
    if let Some(usage) = usage {
        sse.reports(ReportedUsage { output: 1, ..usage });
    }

    let mut index = 0;
    if ask.thinking {
        let mut deltas: Vec<_> = pieces(THOUGHTS, 3)
            .into_iter()
            .map(|piece| format!(r#"{{"type":"thinking_delta","thinking":{}}}"#, quote(piece)))
            .collect();
        deltas.push(format!(r#"{{"type":"signature_delta","signature":"{SIGNATURE}"}}"#));
        block(&mut sse, &mut index, r#"{"type":"thinking","thinking":"","signature":""}"#, &deltas);
        if let Some(redacted) = redacted(ask) {
            block(&mut sse, &mut index, &redacted, &[]);
        }
    }
    let calls = tool_calls(ask);
    if calls.is_empty() {
        let text = text_of(ask);
        let deltas: Vec<_> = text_pieces(ask, &text)
            .into_iter()
            .map(|piece| format!(r#"{{"type":"text_delta","text":{}}}"#, quote(piece)))
            .collect();
        block(&mut sse, &mut index, r#"{"type":"text","text":""}"#, &deltas);
    }
    for ((name, arguments), id) in calls.into_iter().zip(CALL_IDS) {
        let opening = fill(
            r#"{"type":"tool_use","id":"$id","name":$name,"input":{}}"#,
            &[("id", id), ("name", &quote(name))],
        );
        // The first delta of a real stream is the empty string
        let deltas: Vec<_> = std::iter::once("")
            .chain(pieces(arguments, 4))
            .map(|piece| format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, quote(piece)))
            .collect();
        block(&mut sse, &mut index, &opening, &deltas);
    }

    let delta = fill(
        r#"{"type":"message_delta","delta":{"stop_reason":$stop,"stop_sequence":$sequence}$usage}"#,
        &[
            ("stop", &quote(stop_reason(ask))),
            ("sequence", &stop_sequence(ask)),
            ("usage", &usage.map(final_usage_json).unwrap_or_default()),
        ],
    );
    sse.push(Some("message_delta"), &delta);
    if let Some(usage) = usage {
        sse.reports(usage);
    }
    if !ask.script.has(Flag::NoDone) {
        sse.push(Some("message_stop"), r#"{"type":"message_stop"}"#);
    }
    sse.parts
}

/// One content block; the first is followed by a ping, as in real streams.
fn block(sse: &mut Sse, index: &mut usize, opening: &str, deltas: &[String]) {
    let start = format!(r#"{{"type":"content_block_start","index":{index},"content_block":{opening}}}"#);
    sse.push(Some("content_block_start"), &start);
    if *index == 0 {
        sse.push(Some("ping"), r#"{"type": "ping"}"#);
    }
    for delta in deltas {
        let event = format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#);
        sse.push(Some("content_block_delta"), &event);
    }
    sse.push(Some("content_block_stop"), &format!(r#"{{"type":"content_block_stop","index":{index}}}"#));
    *index += 1;
}

pub(super) fn count_tokens(ask: &Ask) -> Part {
    Part::new(format!(r#"{{"input_tokens":{}}}"#, usage_of(&ask.script).input))
}

/// A block of reasoning that nobody else can read, where the script wants one.
fn redacted(ask: &Ask) -> Option<String> {
    let block = || fill(r#"{"type":"redacted_thinking","data":"$data"}"#, &[("data", REDACTED)]);
    ask.script.has(Flag::Redacted).then(block)
}

fn stop_reason(ask: &Ask) -> &str {
    let usual = match &ask.script {
        _ if !ask.tools.is_empty() => "tool_use",
        script if script.stop_sequence.is_some() => "stop_sequence",
        script if script.has(Flag::Refusal) => "refusal",
        _ => "end_turn",
    };
    ask.script.finish.as_deref().unwrap_or(usual)
}

/// As JSON.
fn stop_sequence(ask: &Ask) -> String {
    ask.script.stop_sequence.as_deref().map_or_else(|| "null".to_owned(), quote)
}

fn reported(ask: &Ask) -> Option<ReportedUsage> {
    let usage = ReportedUsage { reasoning: 0, ..usage_of(&ask.script) };
    (!ask.script.has(Flag::NoUsage)).then_some(usage)
}

fn usage_json(usage: ReportedUsage, output: u64) -> String {
    fill(
        r#","usage":{"input_tokens":$input,"cache_creation_input_tokens":$written,"cache_read_input_tokens":$cached,"cache_creation":{"ephemeral_5m_input_tokens":$short,"ephemeral_1h_input_tokens":$long},"output_tokens":$output,"service_tier":"standard"}"#,
        &[
            ("input", &usage.input.to_string()),
            ("written", &(usage.cache_write_5m + usage.cache_write_1h).to_string()),
            ("cached", &usage.cached.to_string()),
            ("short", &usage.cache_write_5m.to_string()),
            ("long", &usage.cache_write_1h.to_string()),
            ("output", &output.to_string()),
        ],
    )
}

fn final_usage_json(usage: ReportedUsage) -> String {
    fill(
        r#","usage":{"input_tokens":$input,"cache_creation_input_tokens":$written,"cache_read_input_tokens":$cached,"output_tokens":$output}"#,
        &[
            ("input", &usage.input.to_string()),
            ("written", &(usage.cache_write_5m + usage.cache_write_1h).to_string()),
            ("cached", &usage.cached.to_string()),
            ("output", &usage.output.to_string()),
        ],
    )
}
