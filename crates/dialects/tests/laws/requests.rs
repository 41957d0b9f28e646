//! Requests: round trip, whole matrix, explicit loss.

use std::borrow::Cow;

use penstock_core::Json;
use penstock_dialects::codec::codec;
use penstock_dialects::loss::LossKind;

use crate::corpus::{Faults, Fixture, dialects, fixtures, json, target};

fn round_trip(fixture: &Fixture) -> Result<Json, String> {
    let codec = codec(fixture.dialect).unwrap();
    let request = codec.decode_request(&fixture.body).map_err(|error| error.to_string())?;
    let encoded =
        codec.encode_request(&request, &target(fixture.dialect)).map_err(|error| error.to_string())?;
    match encoded.losses.first() {
        None => Ok(json(&encoded.body)),
        Some(loss) => Err(format!("lost on its way to itself: {loss}")),
    }
}

#[test]
fn a_request_comes_back_as_it_was() {
    let mut faults = Faults::default();
    for fixture in fixtures("requests", 40) {
        match round_trip(&fixture) {
            Ok(back) if back == json(&fixture.body) => {}
            Ok(back) => faults.note(&fixture, format!("\n  was {}\n  is  {back}", json(&fixture.body))),
            Err(fault) => faults.note(&fixture, fault),
        }
    }
    faults.none();
}

#[test]
fn every_request_can_be_written_in_every_dialect() {
    let mut faults = Faults::default();
    for fixture in fixtures("requests", 40) {
        let request = fixture.request();
        for (to, codec) in dialects() {
            let encoded = match codec.encode_request(&request, &target(to)) {
                Ok(encoded) => encoded,
                Err(error) => {
                    faults.note(&fixture, format!("to {to}: {error}"));
                    continue;
                }
            };
            if let Err(error) = codec.decode_request(&encoded.body) {
                faults.note(&fixture, format!("to {to} it cannot be read: {error}"));
            }
        }
    }
    faults.none();
}

/// The calls in a message on the wire, and the calls that it answers.
fn calls_and_answers(message: &Json) -> (Vec<String>, Vec<String>) {
    let text = |value: &Json, name: &str| {
        value.get(name).and_then(|value| value.as_str().map(Cow::into_owned)).unwrap_or_default()
    };
    let list = |name: &str| message.get(name).and_then(|list| list.elements()).unwrap_or_default();
    let blocks = |kind: &str, id: &str| {
        list("content")
            .iter()
            .filter(|block| text(block, "type") == kind)
            .map(|block| text(block, id))
            .collect()
    };
    let mut calls: Vec<_> = blocks("tool_use", "id");
    calls.extend(list("tool_calls").iter().map(|call| text(call, "id")));
    let mut answers: Vec<_> = blocks("tool_result", "tool_use_id");
    answers.extend(Some(text(message, "tool_call_id")).filter(|id| !id.is_empty()));
    (calls, answers)
}

/// Providers refuse a conversation in which the answers to a message's calls do not stand right behind it:
/// in one message, or in messages of the role `tool` that nothing parts.
#[test]
fn the_calls_of_a_turn_are_answered_right_behind_it() {
    let (mut faults, mut seen) = (Faults::default(), 0);
    for fixture in fixtures("requests", 40) {
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let encoded = codec.encode_request(&fixture.request(), &target(to)).unwrap();
            let (mut known, mut open) = (Vec::new(), Vec::new());
            for message in json(&encoded.body).get("messages").unwrap().elements().unwrap() {
                let (calls, answers) = calls_and_answers(&message);
                seen += answers.len();
                for late in answers.iter().filter(|id| known.contains(*id) && !open.contains(*id)) {
                    faults.note(&fixture, format!("to {to}: {late} is answered too late"));
                }
                let is_tool = message.get("role").is_some_and(|role| role.text() == r#""tool""#);
                if !is_tool {
                    open.clone_from(&calls);
                }
                known.extend(calls);
            }
        }
    }
    assert!(seen > 60, "there are only {seen} answers");
    faults.none();
}

/// What a translated request says, decoded again, is what was asked but for what the losses name.
#[test]
fn what_is_not_lost_arrives() {
    let mut faults = Faults::default();
    for fixture in fixtures("requests", 40) {
        let request = fixture.request();
        for (to, codec) in dialects().filter(|(to, _)| *to != fixture.dialect) {
            let Ok(encoded) = codec.encode_request(&request, &target(to)) else { continue };
            let Ok(back) = codec.decode_request(&encoded.body) else { continue };
            let named = |path: &str| {
                encoded.losses.iter().any(|loss| loss.path.starts_with(path) && loss.kind != LossKind::Filled)
            };
            let filled = |path: &str| encoded.losses.iter().any(|loss| loss.path == path);
            let pairs = [
                ("temperature", Json::of(&request.temperature), Json::of(&back.temperature)),
                ("topP", Json::of(&request.top_p), Json::of(&back.top_p)),
                ("topK", Json::of(&request.top_k), Json::of(&back.top_k)),
                ("stream", Json::of(&request.stream), Json::of(&back.stream)),
                ("stopSequences", Json::of(&request.stop_sequences), Json::of(&back.stop_sequences)),
            ];
            for (path, was, is) in pairs {
                if was != is && !named(path) {
                    faults.note(&fixture, format!("to {to}: {path} silently changed from {was} to {is}"));
                }
            }
            if Json::of(&request.max_tokens) != Json::of(&back.max_tokens) && !filled("maxTokens") {
                faults.note(&fixture, format!("to {to}: maxTokens silently changed"));
            }
            let texts = |request| texts(&Json::of(request));
            for text in texts(&request) {
                if !texts(&back).contains(&text) && encoded.losses.is_empty() {
                    faults.note(&fixture, format!("to {to}: the text {text:?} is gone without a word"));
                }
            }
        }
    }
    faults.none();
}

/// Every text in the messages, system prompt and tools of a request.
fn texts(request: &Json) -> Vec<String> {
    fn walk(value: &Json, key: &str, found: &mut Vec<String>) {
        for (name, inside) in value.members().into_iter().flatten() {
            if name != "extensions" {
                walk(&inside, &name, found);
            }
        }
        for inside in value.elements().into_iter().flatten() {
            walk(&inside, key, found);
        }
        if let Some(text) = value
            .as_str()
            .filter(|_| matches!(key, "text" | "content" | "system" | "data" | "id" | "name" | "description"))
        {
            found.push(text.into_owned());
        }
    }
    let mut found = Vec::new();
    walk(request, "", &mut found);
    found
}
