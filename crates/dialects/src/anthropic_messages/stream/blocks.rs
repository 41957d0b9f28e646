//! The blocks of a streamed answer, as they are written.

use std::collections::HashMap;

use bytes::BytesMut;
use penstock_core::Json;
use penstock_core::canonical::{ContentBlock, Delta, Extensions, Thinking};

use super::super::{DIALECT, encode, wire};
use super::encode::put;
use crate::loss::{Losses, Path};

/// Writes blocks.
#[derive(Default)]
pub(super) struct Blocks {
    open: HashMap<usize, Block>,
    /// The place of the next block; one that cannot be written has none.
    next: usize,
    called: bool,
}

/// A block that is open.
struct Block {
    place: usize,
    kept: Kept,
}

/// What is kept of an open block of another dialect.
enum Kept {
    Nothing,
    /// A thought, whose carrier comes when it ends.
    Thought(Thinking),
    /// The input of a call, as far as it has come.
    Input(String),
}

impl Blocks {
    /// Whether a tool was called.
    pub(super) const fn have_called(&self) -> bool {
        self.called
    }

    /// Begins a block. A client puts the input of a call together from pieces, and starts with nothing;
    /// what this dialect's own providers do differently stays so.
    pub(super) fn begin(
        &mut self,
        index: usize,
        block: &ContentBlock,
        foreign: bool,
        losses: &mut Losses,
        out: &mut BytesMut,
    ) {
        let at = Path::Root.field("content");
        let Some(mut wire) = encode::answer_block(at.index(index), block, losses) else { return };
        let (mut kept, mut input) = (Kept::Nothing, None);
        match block {
            ContentBlock::ToolUse(_) => {
                self.called = true;
                if foreign {
                    input = wire
                        .input
                        .replace(Json::object::<&str>(&[]).into())
                        .filter(|input| input.text() != "{}");
                    kept = Kept::Input(String::new());
                }
            }
            ContentBlock::Thinking(thought) if thought.origin.dialect != DIALECT => {
                wire.signature = Some("".into());
                kept = Kept::Thought(thought.clone());
            }
            _ => {}
        }
        let place = self.next;
        self.next += 1;
        self.open.insert(index, Block { place, kept });
        let event = wire::Event { index: Some(place), content_block: Some(wire), ..wire::Event::default() };
        put("content_block_start", event, out);
        if let Some(input) = input {
            let partial_json = Some(input.text().into());
            put_delta(place, wire::Delta { partial_json, ..kind("input_json_delta") }, out);
        }
    }

    pub(super) fn more(&mut self, index: usize, delta: &Delta, losses: &mut Losses, out: &mut BytesMut) {
        let Some(Block { place, kept }) = self.open.get_mut(&index) else { return };
        let written = match delta {
            Delta::TextDelta { text } => {
                wire::Delta { text: Some(text.as_str().into()), ..kind("text_delta") }
            }
            Delta::InputJsonDelta { partial_json } => {
                if let Kept::Input(input) = kept {
                    input.push_str(partial_json);
                }
                wire::Delta { partial_json: Some(partial_json.as_str().into()), ..kind("input_json_delta") }
            }
            Delta::ThinkingDelta { text } => {
                wire::Delta { thinking: Some(text.as_str().into()), ..kind("thinking_delta") }
            }
            Delta::SignatureDelta { signature } => {
                if let Kept::Thought(thought) = kept {
                    thought.signature.get_or_insert_default().push_str(signature);
                    return;
                }
                wire::Delta { signature: Some(signature.as_str().into()), ..kind("signature_delta") }
            }
            Delta::ExtensionsDelta { extensions } => {
                losses.more_extensions(Path::Root.field("content").index(index), extensions);
                return extend(*place, extensions, out);
            }
        };
        put_delta(*place, written, out);
    }

    pub(super) fn close(&mut self, index: usize, losses: &mut Losses, out: &mut BytesMut) {
        let Some(Block { place, kept }) = self.open.remove(&index) else { return };
        match kept {
            Kept::Thought(thought) => {
                let signature = encode::signature(&thought);
                put_delta(place, wire::Delta { signature, ..kind("signature_delta") }, out);
            }
            Kept::Input(input) if !is_input(&input) => {
                losses.changed(Path::Root.field("content").index(index).field("input"), "no JSON object");
            }
            Kept::Input(_) | Kept::Nothing => {}
        }
        put("content_block_stop", wire::Event { index: Some(place), ..wire::Event::default() }, out);
    }
}

/// Whether a client can make an input of these pieces.
fn is_input(pieces: &str) -> bool {
    pieces.is_empty() || Json::parse(pieces).is_some_and(|input| input.is_object())
}

/// Citations are what this dialect adds to a block in a stream.
fn extend(place: usize, extensions: &Extensions, out: &mut BytesMut) {
    let citations = extensions.get(DIALECT, "citations").and_then(Json::elements);
    for citation in citations.unwrap_or_default() {
        put_delta(place, wire::Delta { citation: Some((&citation).into()), ..kind("citations_delta") }, out);
    }
}

fn kind(name: &'static str) -> wire::Delta<'static> {
    wire::Delta { kind: Some(name.into()), ..wire::Delta::default() }
}

fn put_delta(place: usize, delta: wire::Delta<'_>, out: &mut BytesMut) {
    let event = wire::Event { index: Some(place), delta: Some(delta), ..wire::Event::default() };
    put("content_block_delta", event, out);
}
