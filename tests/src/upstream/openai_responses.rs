//! Responses as OpenAI documents them: the whole object, and its numbered events from
//! `response.created` to `response.completed`.

use super::received::ReportedUsage;
use super::render::{
    ODDITIES, Part, SIGNATURE, Sse, THOUGHTS, fill, pieces, quote, text_of, text_pieces, tool_calls, usage_of,
};
use super::request::Ask;
use super::script::Flag;

const ID: &str = "resp_scripted0123456789abcdef0123456789abcdef";
const MESSAGE_ID: &str = "msg_scripted0123456789abcdef0123456789abcdef";
const REASONING_ID: &str = "rs_scripted0123456789abcdef0123456789abcdef";
const CALL_IDS: [[&str; 2]; 2] =
    [["fc_scripted0001", "call_Scripted00000000000001"], ["fc_scripted0002", "call_Scripted00000000000002"]];

pub(super) fn json(ask: &Ask) -> Part {
    let items: Vec<_> = items(ask).iter().map(Item::done).collect();
    let usage = reported(ask);
    Part { usage, ..Part::new(response(ask, "completed", &items.join(","), usage)) }
}

pub(super) fn stream(ask: &Ask) -> Vec<Part> {
    let mut events = Events { sse: Sse::new(&ask.script), sequence: 0 };
    let begun = format!(r#""response":{}"#, response(ask, "in_progress", "", None));
    events.push("response.created", &begun);
    events.push("response.in_progress", &begun);
    let items = items(ask);
    for (index, item) in items.iter().enumerate() {
        let at = format!(r#""output_index":{index}"#);
        events.push("response.output_item.added", &format!(r#"{at},"item":{}"#, item.added()));
        item.stream(ask, &mut events, &at);
        events.push("response.output_item.done", &format!(r#"{at},"item":{}"#, item.done()));
    }
    if !ask.script.has(Flag::NoDone) {
        let items: Vec<_> = items.iter().map(Item::done).collect();
        let usage = reported(ask);
        let done = response(ask, "completed", &items.join(","), usage);
        events.push("response.completed", &format!(r#""response":{done}"#));
        if let Some(usage) = usage {
            events.sse.reports(usage);
        }
    }
    events.sse.parts
}

struct Events {
    sse: Sse,
    sequence: u64,
}

impl Events {
    fn push(&mut self, kind: &str, fields: &str) {
        let data = format!(r#"{{"type":"{kind}","sequence_number":{},{fields}}}"#, self.sequence);
        self.sse.push(Some(kind), &data);
        self.sequence += 1;
    }
}

/// One item of `output`.
enum Item {
    Reasoning,
    Message(String),
    Call { ids: [&'static str; 2], name: String, arguments: &'static str },
}

fn items(ask: &Ask) -> Vec<Item> {
    let mut items = Vec::new();
    if ask.thinking {
        items.push(Item::Reasoning);
    }
    let calls = tool_calls(ask);
    if calls.is_empty() {
        items.push(Item::Message(text_of(ask)));
    }
    items.extend(calls.into_iter().zip(CALL_IDS).map(|((name, arguments), ids)| Item::Call {
        ids,
        name: quote(name),
        arguments,
    }));
    items
}

impl Item {
    fn added(&self) -> String {
        match self {
            Self::Reasoning => format!(r#"{{"id":"{REASONING_ID}","type":"reasoning","summary":[]}}"#),
            Self::Message(_) => format!(
                r#"{{"id":"{MESSAGE_ID}","type":"message","status":"in_progress","content":[],"role":"assistant"}}"#
            ),
            Self::Call { ids, name, .. } => call(*ids, name, "in_progress", ""),
        }
    }

    fn done(&self) -> String {
        match self {
            Self::Reasoning => fill(
                r#"{"id":"$id","type":"reasoning","encrypted_content":"$signature","summary":[$summary]}"#,
                &[("id", REASONING_ID), ("signature", SIGNATURE), ("summary", &summary(THOUGHTS))],
            ),
            Self::Message(text) => fill(
                r#"{"id":"$id","type":"message","status":"completed","content":[$part],"role":"assistant"}"#,
                &[("id", MESSAGE_ID), ("part", &output_text(text))],
            ),
            Self::Call { ids, name, arguments } => call(*ids, name, "completed", arguments),
        }
    }

    /// The events between `added` and `done`.
    fn stream(&self, ask: &Ask, events: &mut Events, at: &str) {
        match self {
            Self::Reasoning => {
                let at = format!(r#""item_id":"{REASONING_ID}",{at},"summary_index":0"#);
                let part = |text: &str| format!(r#"{at},"part":{}"#, summary(text));
                events.push("response.reasoning_summary_part.added", &part(""));
                for piece in pieces(THOUGHTS, 3) {
                    let delta = format!(r#"{at},"delta":{}"#, quote(piece));
                    events.push("response.reasoning_summary_text.delta", &delta);
                }
                let text = format!(r#"{at},"text":{}"#, quote(THOUGHTS));
                events.push("response.reasoning_summary_text.done", &text);
                events.push("response.reasoning_summary_part.done", &part(THOUGHTS));
            }
            Self::Message(text) => {
                let at = format!(r#""item_id":"{MESSAGE_ID}",{at},"content_index":0"#);
                let part = |text: &str| format!(r#"{at},"part":{}"#, output_text(text));
                events.push("response.content_part.added", &part(""));
                for piece in text_pieces(ask, text) {
                    let delta =
                        format!(r#"{at},"delta":{},"logprobs":[],"obfuscation":"q7Zk""#, quote(piece));
                    events.push("response.output_text.delta", &delta);
                }
                let done = format!(r#"{at},"text":{},"logprobs":[]"#, quote(text));
                events.push("response.output_text.done", &done);
                events.push("response.content_part.done", &part(text));
            }
            Self::Call { ids: [id, _], name, arguments } => {
                let at = format!(r#""item_id":"{id}",{at}"#);
                for piece in pieces(arguments, 4) {
                    let delta = format!(r#"{at},"delta":{},"obfuscation":"q7Zk""#, quote(piece));
                    events.push("response.function_call_arguments.delta", &delta);
                }
                let done = format!(r#"{at},"name":{name},"arguments":{}"#, quote(arguments));
                events.push("response.function_call_arguments.done", &done);
            }
        }
    }
}

fn summary(text: &str) -> String {
    format!(r#"{{"type":"summary_text","text":{}}}"#, quote(text))
}

fn output_text(text: &str) -> String {
    format!(r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":{}}}"#, quote(text))
}

fn call([id, call_id]: [&str; 2], name: &str, status: &str, arguments: &str) -> String {
    fill(
        r#"{"id":"$id","type":"function_call","status":"$status","arguments":$arguments,"call_id":"$call","name":$name}"#,
        &[
            ("id", id),
            ("status", status),
            ("arguments", &quote(arguments)),
            ("call", call_id),
            ("name", name),
        ],
    )
}

fn response(ask: &Ask, status: &str, output: &str, usage: Option<ReportedUsage>) -> String {
    let usage = if ask.script.has(Flag::NoUsage) {
        String::new()
    } else {
        format!(r#""usage":{},"#, usage.map_or("null".to_owned(), usage_json))
    };
    fill(
        r#"{"id":"$id","object":"response","created_at":1760000000,"status":"$status","background":false,"error":null,"incomplete_details":null,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"model":$model,"output":[$output],"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,"reasoning":{"effort":null,"summary":null},"safety_identifier":null,"service_tier":"default","store":false,"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1.0,"truncation":"disabled",$usage"user":null,"metadata":{},$oddities}"#,
        &[
            ("id", ID),
            ("status", status),
            ("model", &quote(&ask.name)),
            ("output", output),
            ("usage", &usage),
            ("oddities", ODDITIES),
        ],
    )
}

fn reported(ask: &Ask) -> Option<ReportedUsage> {
    let usage = ReportedUsage { cache_write_5m: 0, cache_write_1h: 0, ..usage_of(&ask.script) };
    (!ask.script.has(Flag::NoUsage)).then_some(usage)
}

fn usage_json(usage: ReportedUsage) -> String {
    fill(
        r#"{"input_tokens":$input,"input_tokens_details":{"cached_tokens":$cached},"output_tokens":$output,"output_tokens_details":{"reasoning_tokens":$reasoning},"total_tokens":$total}"#,
        &[
            ("input", &usage.input.to_string()),
            ("cached", &usage.cached.to_string()),
            ("output", &usage.output.to_string()),
            ("reasoning", &usage.reasoning.to_string()),
            ("total", &(usage.input + usage.output).to_string()),
        ],
    )
}
