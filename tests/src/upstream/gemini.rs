//! Generated content as the Gemini API documents it: one object, a stream of SSE events, or the same
//! stream as the pieces of a JSON array.

use super::received::ReportedUsage;
use super::render::{
    ODDITIES, Part, SIGNATURE, Sse, THOUGHTS, fill, pieces, quote, text_of, text_pieces, tool_calls, usage_of,
};
use super::request::Ask;
use super::script::Flag;

const ID: &str = "ScriptedResponseId0123";

pub(super) fn json(ask: &Ask) -> Part {
    let mut parts: Vec<_> = thoughts(ask, 1);
    let calls = calls(ask);
    if calls.is_empty() {
        parts.push(text_part(&text_of(ask), signature(ask)));
    }
    parts.extend(calls);
    let usage = reported(ask);
    Part { usage, ..Part::new(chunk(ask, &parts.join(","), true, usage)) }
}

pub(super) fn stream(ask: &Ask, sse: bool) -> Vec<Part> {
    let mut contents = thoughts(ask, 3);
    let calls = calls(ask);
    if calls.is_empty() {
        let text = text_of(ask);
        let pieces = text_pieces(ask, &text);
        let last = pieces.len() - 1;
        let signed = |index| signature(ask).filter(|_| index == last);
        contents.extend(pieces.iter().enumerate().map(|(index, piece)| text_part(piece, signed(index))));
    }
    // Gemini sends calls whole, all in one event
    if !calls.is_empty() {
        contents.push(calls.join(","));
    }
    let last = contents.len() - 1;
    let mut events = Vec::new();
    for (index, content) in contents.iter().enumerate() {
        let ends = index == last && !ask.script.has(Flag::NoDone);
        let usage = reported(ask).map(|usage| if ends { usage } else { partial(usage) });
        events.push((chunk(ask, content, ends, usage), usage));
    }
    if sse { sse_parts(ask, events) } else { array_parts(events) }
}

fn sse_parts(ask: &Ask, events: Vec<(String, Option<ReportedUsage>)>) -> Vec<Part> {
    let mut sse = Sse::new(&ask.script);
    for (event, usage) in events {
        sse.push(None, &event);
        if let Some(usage) = usage {
            sse.reports(usage);
        }
    }
    sse.parts
}

fn array_parts(events: Vec<(String, Option<ReportedUsage>)>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (index, (event, usage)) in events.into_iter().enumerate() {
        let before = if index == 0 { "[" } else { ",\r\n" };
        parts.push(Part { usage, ends_event: true, ..Part::new(format!("{before}{event}")) });
    }
    parts.push(Part::new("]"));
    parts
}

pub(super) fn count_tokens(ask: &Ask) -> Part {
    let tokens = usage_of(&ask.script).input;
    Part::new(format!(
        r#"{{"totalTokens":{tokens},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{tokens}}}]}}"#
    ))
}

fn thoughts(ask: &Ask, count: usize) -> Vec<String> {
    let pieces = if ask.thinking { pieces(THOUGHTS, count) } else { Vec::new() };
    pieces.iter().map(|piece| format!(r#"{{"text":{},"thought":true}}"#, quote(piece))).collect()
}

fn signature(ask: &Ask) -> Option<&'static str> {
    ask.thinking.then_some(SIGNATURE)
}

fn text_part(text: &str, signature: Option<&str>) -> String {
    let signature = signature.map(|s| format!(r#","thoughtSignature":"{s}""#)).unwrap_or_default();
    format!(r#"{{"text":{}{signature}}}"#, quote(text))
}

/// The calls; of parallel ones only the first is signed.
fn calls(ask: &Ask) -> Vec<String> {
    let mut signature = signature(ask).map(|s| format!(r#","thoughtSignature":"{s}""#));
    tool_calls(ask)
        .into_iter()
        .map(|(name, arguments)| {
            fill(
                r#"{"functionCall":{"name":$name,"args":$arguments}$signature}"#,
                &[
                    ("name", &quote(name)),
                    ("arguments", arguments),
                    ("signature", &signature.take().unwrap_or_default()),
                ],
            )
        })
        .collect()
}

fn chunk(ask: &Ask, parts: &str, ends: bool, usage: Option<ReportedUsage>) -> String {
    let finish = ask.script.finish.as_deref().unwrap_or("STOP");
    let finish = if ends { format!(r#","finishReason":"{finish}""#) } else { String::new() };
    fill(
        r#"{"candidates": [{"content": {"parts": [$parts],"role": "model"}$finish,"index": 0}]$usage,"modelVersion": $model,"responseId": "$id",$oddities}"#,
        &[
            ("parts", parts),
            ("finish", &finish),
            ("usage", &usage.map(usage_json).unwrap_or_default()),
            ("model", &quote(&ask.name)),
            ("id", ID),
            ("oddities", ODDITIES),
        ],
    )
}

fn reported(ask: &Ask) -> Option<ReportedUsage> {
    let usage = ReportedUsage { cache_write_5m: 0, cache_write_1h: 0, ..usage_of(&ask.script) };
    (!ask.script.has(Flag::NoUsage)).then_some(usage)
}

/// What an event before the last reports: the prompt, and as yet almost no answer.
fn partial(usage: ReportedUsage) -> ReportedUsage {
    ReportedUsage { output: 1, reasoning: 0, ..usage }
}

fn usage_json(usage: ReportedUsage) -> String {
    fill(
        r#","usageMetadata": {"promptTokenCount": $input,"candidatesTokenCount": $output,"totalTokenCount": $total,"cachedContentTokenCount": $cached,"promptTokensDetails": [{"modality": "TEXT","tokenCount": $input}],"thoughtsTokenCount": $reasoning}"#,
        &[
            ("input", &usage.input.to_string()),
            ("output", &usage.output.to_string()),
            ("total", &(usage.input + usage.output + usage.reasoning).to_string()),
            ("cached", &usage.cached.to_string()),
            ("reasoning", &usage.reasoning.to_string()),
        ],
    )
}
