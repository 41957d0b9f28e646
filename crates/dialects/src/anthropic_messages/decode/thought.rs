//! Thoughts: the model's own, and those of other dialects that a client brings back.

use std::borrow::Cow;

use penstock_core::Json;
use penstock_core::canonical::{ContentBlock, Opaque, Origin, Thinking};

use super::super::{DIALECT, wire};
use super::block::take_extras;
use crate::carrier;
use crate::object::{Object as _, Text};

/// A thought. The signature of one of another dialect is a [`carrier`].
pub(super) fn thought(block: &mut wire::Block<'_>, origin: &Origin) -> Option<ContentBlock> {
    if !block.has_only(&["kind", "thinking", "signature", "cache_control"]) {
        return None;
    }
    let text = block.thinking.take()?.into_owned();
    let signature = block.signature.take().map(Text::into_owned);
    let mut thought = Thinking { text, signature, origin: origin.clone(), extras: take_extras(block) };
    carrier::open_signature(&mut thought);
    Some(ContentBlock::Thinking(thought))
}

/// Reasoning that only its origin can read: this dialect's own, or one that another left here in trust.
pub(super) fn redacted(block: &wire::Block<'_>, origin: &Origin) -> ContentBlock {
    let value = Json::of(block);
    let data = value.get("data").and_then(|data| data.as_str().map(Cow::into_owned)).unwrap_or_default();
    ContentBlock::Opaque(carrier::open_block(&data).unwrap_or_else(|| Opaque {
        dialect: DIALECT,
        value,
        origin: Some(origin.clone()),
    }))
}
