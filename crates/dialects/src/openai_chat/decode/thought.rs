//! Thoughts: the model's own, and those of other dialects that a client brings back.

use std::borrow::Cow;

use penstock_core::Json;
use penstock_core::canonical::{BlockExtras, ContentBlock, Fields, Origin, Thinking};

use super::super::DIALECT;
use crate::carrier;

/// A thought that stands in `field` of its message.
pub(in super::super) fn thought(field: &str, text: String, origin: Origin) -> ContentBlock {
    let mut extras = BlockExtras::default();
    if field == "reasoning" {
        extras.extensions.set(DIALECT, "~field", Json::of(field));
    }
    ContentBlock::Thinking(Thinking { text, signature: None, origin, extras })
}

/// Takes the thoughts of other dialects that the client brought back, with their places; see [`carrier`].
pub(super) fn carried(rest: &mut Fields) -> Vec<(usize, ContentBlock)> {
    let Some(at) = rest.iter().position(|(name, _)| name == "reasoning_details") else {
        return Vec::new();
    };
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for detail in rest[at].1.elements().unwrap_or_default() {
        match opened(&detail) {
            Some(thought) => found.push(thought),
            None => others.push(detail),
        }
    }
    if !found.is_empty() && others.is_empty() {
        rest.remove(at);
    } else if !found.is_empty() {
        rest[at].1 = Json::of(&others);
    }
    found
}

fn opened(detail: &Json) -> Option<(usize, ContentBlock)> {
    let text = |name: &str| detail.get(name).and_then(|value| value.as_str().map(Cow::into_owned));
    let index = detail.get("index").and_then(|index| index.read()).unwrap_or(0);
    if let Some(data) = text("data") {
        return Some((index, ContentBlock::Opaque(carrier::open_block(&data)?)));
    }
    let (text, signature) = (text("text").unwrap_or_default(), text("signature"));
    let origin = Origin::of(DIALECT);
    let mut thought = Thinking { text, signature, origin, extras: BlockExtras::default() };
    carrier::open_signature(&mut thought).then_some((index, ContentBlock::Thinking(thought)))
}
