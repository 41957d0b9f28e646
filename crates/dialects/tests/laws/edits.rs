//! Edits: a module that changes one message changes nothing else, wherever the request goes.

use penstock_core::Json;
use penstock_core::canonical::{CanonicalRequest, Content, ContentBlock, MessageRole};
use penstock_dialects::codec::codec;

use crate::corpus::{Faults, fixtures, json, target};

const EDIT: &str = "Edited: \"1.0\"\n — and nothing else";

/// The first text of a message.
fn first_text(content: &Content) -> Option<String> {
    match content {
        Content::Text(text) => Some(text.to_str().into_owned()),
        Content::Blocks(blocks) => blocks.iter().find_map(|block| match block {
            ContentBlock::Text(text) => Some(text.text.to_str().into_owned()),
            _ => None,
        }),
    }
}

fn set_first_text(content: &mut Content, to: &str) {
    match content {
        Content::Text(text) => *text = to.into(),
        Content::Blocks(blocks) => {
            let text = blocks.iter_mut().find_map(|block| match block {
                ContentBlock::Text(text) => Some(text),
                _ => None,
            });
            text.expect("a message with a text").text = to.into();
        }
    }
}

/// A message on the wire with the first of its texts that is `from` edited: one of its own, or one of a block.
fn edited_on_the_wire(message: &Json, from: &str) -> Json {
    let is_from = |value: &Json| value.as_str().is_some_and(|text| text == from);
    let mut members = message.members().unwrap();
    let own = |(name, value): &&mut (String, Json)| {
        matches!(name.as_str(), "content" | "refusal") && is_from(value)
    };
    if let Some((_, value)) = members.iter_mut().find(own) {
        *value = Json::of(EDIT);
        return Json::object(&members);
    }
    let (_, content) = members.iter_mut().find(|(name, _)| name == "content").unwrap();
    let mut blocks = content.elements().unwrap();
    for block in &mut blocks {
        let mut inside = block.members().unwrap();
        let own = |(name, value): &&mut (String, Json)| {
            matches!(name.as_str(), "text" | "refusal") && is_from(value)
        };
        if let Some((_, value)) = inside.iter_mut().find(own) {
            *value = Json::of(EDIT);
            *block = Json::object(&inside);
            break;
        }
    }
    *content = Json::of(&blocks);
    Json::object(&members)
}

/// What an edited body has otherwise than the original, beyond the one message in which the text stands.
fn beside_the_message(was: &Json, is: &Json, text: &str) -> Option<String> {
    for (name, value) in was.members()? {
        if name != "messages" && is.get(&name).as_ref() != Some(&value) {
            return Some(format!("{name} became {:?}", is.get(&name).map(|is| is.to_string())));
        }
    }
    if was.members()?.len() != is.members()?.len() {
        return Some("there are other fields".to_owned());
    }
    let (was, is) = (was.get("messages")?.elements()?, is.get("messages")?.elements()?);
    if was.len() != is.len() {
        return Some("there are other messages".to_owned());
    }
    let changed: Vec<_> = was.iter().zip(&is).filter(|(was, is)| was != is).collect();
    match changed.as_slice() {
        [(was, is)] if **is == edited_on_the_wire(was, text) => None,
        [_] => Some("the message changed otherwise".to_owned()),
        changed => Some(format!("{} messages changed", changed.len())),
    }
}

/// Every message of the user that has a text, and those of the model and the operator as well.
fn edited(request: &CanonicalRequest) -> Vec<(usize, MessageRole, String)> {
    let messages = request.messages.iter().enumerate();
    messages.filter_map(|(at, message)| Some((at, message.role, first_text(&message.content)?))).collect()
}

#[test]
fn an_edited_message_is_all_that_changes() {
    let (mut faults, mut users, mut others) = (Faults::default(), 0, 0);
    for fixture in fixtures("requests", 40) {
        let request = fixture.request();
        for (at, role, text) in edited(&request) {
            if role == MessageRole::User {
                users += 1;
            } else {
                others += 1;
            }
            let mut request = request.clone();
            set_first_text(&mut request.messages[at].content, EDIT);
            let encoded =
                codec(fixture.dialect).unwrap().encode_request(&request, &target(fixture.dialect)).unwrap();
            if let Some(loss) = encoded.losses.first() {
                faults.note(&fixture, format!("message {at}: {loss}"));
            }
            if let Some(fault) = beside_the_message(&json(&fixture.body), &json(&encoded.body), &text) {
                faults.note(&fixture, format!("message {at}: {fault}"));
            }
        }
    }
    assert!(users > 250 && others > 60, "only {users} messages of users and {others} others were edited");
    faults.none();
}
