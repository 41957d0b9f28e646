//! Thoughts: back to who thought them, and to clients in a form that they can bring back.

use penstock_core::Json;
use penstock_core::canonical::{Opaque, Thinking};

use super::super::{DIALECT, wire};
use super::block::{Blocks, shell};
use crate::carrier;
use crate::loss::Path;
use crate::object::{Text, owned};

/// Gives a thought of an earlier turn back to a provider, if it is who thought it.
pub(super) fn replay<'a>(
    at: Path<'_>,
    thought: &'a Thinking,
    blocks: &mut Blocks<'_>,
) -> Option<wire::Block<'a>> {
    if !thought.origin.admits(DIALECT, blocks.provider) {
        blocks.losses.dropped(at, "thoughts go back only to who thought them");
        return None;
    }
    Some(wire::Block {
        thinking: Some(thought.text.as_str().into()),
        signature: thought.signature.as_deref().map(Into::into),
        ..shell("thinking", &thought.extras)
    })
}

/// The same for a block that only this dialect knows, which may be somebody's secret.
pub(super) fn replay_opaque<'a>(
    at: Path<'_>,
    block: &'a Opaque,
    blocks: &mut Blocks<'_>,
) -> Option<wire::Block<'a>> {
    let admitted = block.origin.as_ref().is_none_or(|origin| origin.admits(DIALECT, blocks.provider));
    if block.dialect != DIALECT || !admitted {
        blocks.losses.dropped(at, "only one dialect knows it");
        return None;
    }
    block.value.read()
}

/// The thought that a client sees, whoever thought it.
pub(super) fn shown(thought: &Thinking) -> wire::Block<'_> {
    wire::Block {
        thinking: Some(thought.text.as_str().into()),
        signature: signature(thought),
        ..shell("thinking", &thought.extras)
    }
}

/// The signature that a client sees: for a thought of another dialect its [`carrier`].
pub(in super::super) fn signature(thought: &Thinking) -> Option<Text<'_>> {
    if thought.origin.dialect == DIALECT {
        return thought.signature.as_deref().map(Into::into);
    }
    Some(carrier::seal_signature(thought).into())
}

/// What a client keeps of another dialect's secret, and gives back: see [`carrier`].
pub(super) fn redacted<'a>(block: &Opaque) -> Option<wire::Block<'a>> {
    let data = carrier::seal_block(block)?;
    let rest = vec![owned("data", &Json::of(&data))];
    Some(wire::Block { kind: Some("redacted_thinking".into()), rest, ..wire::Block::default() })
}
