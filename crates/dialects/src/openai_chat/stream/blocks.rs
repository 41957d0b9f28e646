//! The blocks of a streamed answer, as they are written: pieces of one message.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::BytesMut;
use penstock_core::Json;
use penstock_core::canonical::{ContentBlock, Delta, Extensions, Text, Thinking, ToolUse};

use super::super::{DIALECT, encode, wire};
use super::chunk::Head;
use crate::loss::{Losses, Path};
use crate::object::{RawTextOr, is_noted, nested, rest};

/// What a block has become.
enum Block {
    Text,
    Refusal,
    /// With the thought itself: its carrier comes whole, when the block ends.
    Thinking(Thinking),
    /// The call of that index, and whether arguments were written.
    Call(usize, bool),
    Nothing,
}

/// Writes blocks.
#[derive(Default)]
pub(super) struct Blocks {
    open: HashMap<usize, Block>,
    calls: usize,
    texts: usize,
    /// What the client is to bring back.
    details: Vec<Json>,
}

impl Blocks {
    pub(super) fn begin(
        &mut self,
        index: usize,
        block: &ContentBlock,
        head: &mut Head,
        losses: &mut Losses,
        out: &mut BytesMut,
    ) {
        let at = Path::Root.field("content");
        let at = at.index(index);
        let begun = match block {
            ContentBlock::Text(text) => self.text(at, text, head, losses, out),
            ContentBlock::Thinking(thought) => thinking(at, thought, head, losses, out),
            ContentBlock::ToolUse(call) => self.call(at, call, head, losses, out),
            ContentBlock::Opaque(opaque) if let Some(call) = encode::own_call(opaque) => {
                head.call(wire::ToolCall { index: Some(self.next_call()), ..call }, out);
                Block::Nothing
            }
            ContentBlock::Opaque(_) if self.carry(index, block) => Block::Nothing,
            block => {
                if let Some(part) = encode::answer_part(at, block, losses) {
                    self.stands_before_calls(at, losses);
                    let content = Some(RawTextOr::Other(vec![part]));
                    head.delta(wire::Message { content, ..wire::Message::default() }, out);
                }
                Block::Nothing
            }
        };
        self.open.insert(index, begun);
    }

    fn next_call(&mut self) -> usize {
        self.calls += 1;
        self.calls - 1
    }

    fn stands_before_calls(&self, at: Path<'_>, losses: &mut Losses) {
        if self.calls > 0 {
            losses.changed(at, "stands before the tool calls");
        }
    }

    fn text(
        &mut self,
        at: Path<'_>,
        text: &Text,
        head: &mut Head,
        losses: &mut Losses,
        out: &mut BytesMut,
    ) -> Block {
        losses.extensions(at, &text.extras.extensions);
        let block = if is_noted(&text.extras.extensions, DIALECT, "~refusal") {
            Block::Refusal
        } else {
            self.stands_before_calls(at, losses);
            self.texts += 1;
            if self.texts == 2 {
                losses.changed(Path::Root.field("content"), "its texts are joined");
            }
            Block::Text
        };
        put_text(&block, &text.text.to_str(), head, out);
        block
    }

    fn call(
        &mut self,
        at: Path<'_>,
        call: &ToolUse,
        head: &mut Head,
        losses: &mut Losses,
        out: &mut BytesMut,
    ) -> Block {
        let number = self.next_call();
        let mut wire = encode::tool_call(at, call, losses);
        let whole = call.input.text() != "{}";
        if let (false, Some(function)) = (whole, &mut wire.function) {
            function.arguments = Some("".into());
        }
        head.call(wire::ToolCall { index: Some(number), ..wire }, out);
        Block::Call(number, whole)
    }

    pub(super) fn more(
        &mut self,
        index: usize,
        delta: &Delta,
        head: &mut Head,
        losses: &mut Losses,
        out: &mut BytesMut,
    ) {
        let Some(block) = self.open.get_mut(&index) else { return };
        match (delta, block) {
            (Delta::TextDelta { text }, block) => put_text(block, text, head, out),
            (Delta::ThinkingDelta { text }, block) => {
                put_text(block, text, head, out);
                if let Block::Thinking(thought) = block {
                    thought.text.push_str(text);
                }
            }
            (Delta::SignatureDelta { signature }, Block::Thinking(thought)) => {
                thought.signature.get_or_insert_default().push_str(signature);
            }
            (Delta::InputJsonDelta { partial_json }, Block::Call(number, written)) => {
                *written = true;
                put_arguments(*number, partial_json, head, out);
            }
            (Delta::ExtensionsDelta { extensions }, block) => {
                losses.more_extensions(Path::Root.field("content").index(index), extensions);
                if let Block::Call(number, written) = block {
                    *written |= is_noted(extensions, DIALECT, "~arguments");
                    extend(*number, extensions, head, out);
                }
            }
            (Delta::SignatureDelta { .. } | Delta::InputJsonDelta { .. }, _) => {}
        }
    }

    pub(super) fn close(&mut self, index: usize, head: &mut Head, out: &mut BytesMut) {
        match self.open.remove(&index) {
            Some(Block::Thinking(thought)) => {
                self.carry(index, &ContentBlock::Thinking(thought));
            }
            // the input was an empty object from the beginning, and nothing came
            Some(Block::Call(number, false)) => put_arguments(number, "{}", head, out),
            _ => {}
        }
    }

    /// Keeps for the end what the client cannot read and is to bring back, if the block is such a thing.
    fn carry(&mut self, index: usize, block: &ContentBlock) -> bool {
        let detail = encode::detail(index, block);
        let is_carried = detail.is_some();
        self.details.extend(detail);
        is_carried
    }

    /// Gives the client all of that at once: one of the official libraries keeps only the last list.
    pub(super) fn carriers(&mut self, head: &mut Head, out: &mut BytesMut) {
        if !self.details.is_empty() {
            let details = Json::of(&std::mem::take(&mut self.details));
            let rest = vec![(Cow::Borrowed("reasoning_details"), Cow::Borrowed(details.raw()))];
            head.delta(wire::Message { rest, ..wire::Message::default() }, out);
        }
    }
}

fn thinking(
    at: Path<'_>,
    thought: &Thinking,
    head: &mut Head,
    losses: &mut Losses,
    out: &mut BytesMut,
) -> Block {
    losses.extensions(at, &thought.extras.extensions);
    let block = Block::Thinking(thought.clone());
    put_text(&block, &thought.text, head, out);
    block
}

fn put_text(block: &Block, text: &str, head: &mut Head, out: &mut BytesMut) {
    if text.is_empty() {
        return;
    }
    let plain = text;
    let text = Some(plain.into());
    let nothing = wire::Message::default();
    let delta = match block {
        Block::Refusal => wire::Message { refusal: text, ..nothing },
        Block::Thinking(thought) if encode::is_reasoning(thought) => {
            wire::Message { reasoning: text, ..nothing }
        }
        Block::Thinking(_) => wire::Message { reasoning_content: text, ..nothing },
        _ => wire::Message { content: Some(RawTextOr::Text(plain.into())), ..nothing },
    };
    head.delta(delta, out);
}

fn put_arguments(number: usize, piece: &str, head: &mut Head, out: &mut BytesMut) {
    let function = wire::FunctionCall { arguments: Some(piece.into()), ..wire::FunctionCall::default() };
    let call = wire::ToolCall { index: Some(number), function: Some(function), ..wire::ToolCall::default() };
    head.call(call, out);
}

/// What only this dialect knows of a call.
fn extend(number: usize, extensions: &Extensions, head: &mut Head, out: &mut BytesMut) {
    let (rest, inside) = (rest(extensions, DIALECT), nested(extensions, DIALECT, "~function"));
    if rest.is_empty() && inside.is_empty() {
        return;
    }
    let function =
        (!inside.is_empty()).then(|| wire::FunctionCall { rest: inside, ..wire::FunctionCall::default() });
    head.call(wire::ToolCall { index: Some(number), function, rest, ..wire::ToolCall::default() }, out);
}
