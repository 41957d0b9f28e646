//! Thoughts: back to who thought them, and to clients in a form that they can bring back.

use penstock_core::Json;
use penstock_core::canonical::{ContentBlock, Thinking};

use super::super::{DIALECT, wire};
use super::block::Parts;
use crate::carrier;
use crate::loss::Path;
use crate::object::is_noted;

/// Gives a thought of an earlier turn back to a provider, if it is who thought it.
pub(super) fn replay<'a>(
    at: Path<'_>,
    thought: &'a Thinking,
    parts: &mut Parts<'_>,
    message: &mut wire::Message<'a>,
) {
    if !parts.reader.may_see(&thought.origin) || thought.signature.is_some() {
        parts.losses.dropped(at, "thoughts go back only to who thought them");
        return;
    }
    if message.reasoning.is_some() || message.reasoning_content.is_some() {
        parts.losses.changed(at, "stands with the thought before it");
    }
    show(at, thought, parts, message);
}

/// Writes a thought into its field, behind those that are there: a message has room for one.
pub(super) fn show<'a>(
    at: Path<'_>,
    thought: &'a Thinking,
    parts: &mut Parts<'_>,
    message: &mut wire::Message<'a>,
) {
    parts.losses.extensions(at, &thought.extras.extensions);
    if thought.text.is_empty() {
        return;
    }
    let field = if is_reasoning(thought) { &mut message.reasoning } else { &mut message.reasoning_content };
    *field = Some(match field.take() {
        Some(before) => format!("{}{}", &*before, thought.text).into(),
        None => thought.text.as_str().into(),
    });
}

/// Whether a thought came in the field `reasoning`.
pub(in super::super) fn is_reasoning(thought: &Thinking) -> bool {
    is_noted(&thought.extras.extensions, DIALECT, "~field")
}

/// What a client keeps of a thought that it cannot read, and gives back: see [`carrier`].
pub(in super::super) fn detail(index: usize, block: &ContentBlock) -> Option<Json> {
    let text = |name: &'static str, text: &str| (name, Json::of(text));
    let index = ("index", Json::of(&index));
    Some(match block {
        ContentBlock::Thinking(thought)
            if thought.signature.is_some() || thought.origin.dialect != DIALECT =>
        {
            let signature = carrier::seal_signature(thought);
            let kind = text("type", "reasoning.text");
            Json::object(&[kind, index, text("text", &thought.text), text("signature", &signature)])
        }
        ContentBlock::Opaque(opaque) if opaque.dialect != DIALECT => {
            let data = carrier::seal_block(opaque)?;
            Json::object(&[text("type", "reasoning.encrypted"), index, text("data", &data)])
        }
        _ => return None,
    })
}
