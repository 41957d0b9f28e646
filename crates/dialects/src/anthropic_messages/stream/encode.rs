//! From the canonical form to the wire.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::{BufMut, BytesMut};
use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalChunk, CanonicalResponse, CanonicalUsage, ContentBlock, Delta, Extensions, MessageDelta,
    Thinking,
};

use super::super::{DIALECT, encode, wire};
use crate::codec::{StreamEncoder, write};
use crate::loss::{Loss, Losses, Path};
use crate::object::{null, rest};

/// Writes a stream.
pub(in super::super) struct Encoder {
    losses: Losses,
    /// The places that blocks have here; one that cannot be written has none.
    places: HashMap<usize, usize>,
    next: usize,
    /// Thoughts of another origin, whose carrier comes when they end.
    thoughts: HashMap<usize, Thinking>,
    foreign: bool,
}

impl Encoder {
    pub(in super::super) fn new() -> Self {
        Self {
            losses: Losses::to(DIALECT),
            places: HashMap::new(),
            next: 0,
            thoughts: HashMap::new(),
            foreign: true,
        }
    }

    fn start(&mut self, message: &CanonicalResponse, out: &mut BytesMut) {
        self.foreign = message.extensions.get(DIALECT, "~from").is_none();
        let mut wire = encode::head(message, &mut self.losses);
        wire.content = Some(Vec::new());
        if wire.usage.is_none() && self.foreign {
            wire.usage = Some(encode::no_usage(&mut Losses::to(DIALECT)));
        }
        for name in ["stop_reason", "stop_sequence"] {
            if self.foreign {
                wire.rest.push((Cow::Borrowed(name), null()));
            }
        }
        put("message_start", wire::Event { message: Some(wire), ..wire::Event::default() }, out);
    }

    fn begin(&mut self, index: usize, block: &ContentBlock, out: &mut BytesMut) {
        let mut input = None;
        let at = Path::Root.field("content");
        let Some(mut wire) = encode::answer_block(at.index(index), block, &mut self.losses) else {
            return;
        };
        match block {
            ContentBlock::ToolUse(tool) if tool.input.text() != "{}" && self.foreign => {
                // a client puts inputs together from pieces, and starts with nothing
                input = Some(tool.input.text().to_owned());
                wire.input =
                    Some(crate::object::Value(Cow::Owned(Json::object::<&str>(&[]).raw().to_owned())));
            }
            ContentBlock::Thinking(thought) if thought.origin.dialect != DIALECT => {
                wire.signature = Some("".into());
                self.thoughts.insert(index, thought.clone());
            }
            _ => {}
        }
        let place = self.next;
        self.next += 1;
        self.places.insert(index, place);
        let event = wire::Event { index: Some(place), content_block: Some(wire), ..wire::Event::default() };
        put("content_block_start", event, out);
        if let Some(input) = input {
            self.delta(
                place,
                wire::Delta { partial_json: Some(input.into()), ..kind("input_json_delta") },
                out,
            );
        }
    }

    fn delta(&self, place: usize, delta: wire::Delta<'_>, out: &mut BytesMut) {
        let event = wire::Event { index: Some(place), delta: Some(delta), ..wire::Event::default() };
        put("content_block_delta", event, out);
    }

    fn more(&mut self, index: usize, delta: &Delta, out: &mut BytesMut) {
        let Some(place) = self.places.get(&index).copied() else { return };
        let written = match delta {
            Delta::TextDelta { text } => {
                wire::Delta { text: Some(text.as_str().into()), ..kind("text_delta") }
            }
            Delta::InputJsonDelta { partial_json } => {
                wire::Delta { partial_json: Some(partial_json.as_str().into()), ..kind("input_json_delta") }
            }
            Delta::ThinkingDelta { text } => {
                wire::Delta { thinking: Some(text.as_str().into()), ..kind("thinking_delta") }
            }
            Delta::SignatureDelta { signature } => {
                if let Some(thought) = self.thoughts.get_mut(&index) {
                    thought.signature.get_or_insert_default().push_str(signature);
                    return;
                }
                wire::Delta { signature: Some(signature.as_str().into()), ..kind("signature_delta") }
            }
            Delta::ExtensionsDelta { extensions } => return self.extend(index, place, extensions, out),
        };
        self.delta(place, written, out);
    }

    /// Citations are what this dialect adds to a block in a stream.
    fn extend(&mut self, index: usize, place: usize, extensions: &Extensions, out: &mut BytesMut) {
        self.losses.extensions(Path::Root.field("content").index(index), extensions);
        let citations = extensions.get(DIALECT, "citations").and_then(Json::elements);
        for citation in citations.unwrap_or_default() {
            self.delta(
                place,
                wire::Delta { citation: Some((&citation).into()), ..kind("citations_delta") },
                out,
            );
        }
    }

    fn close(&mut self, index: usize, out: &mut BytesMut) {
        let Some(place) = self.places.remove(&index) else { return };
        if let Some(thought) = self.thoughts.remove(&index) {
            let signature = encode::signature(&thought);
            self.delta(place, wire::Delta { signature, ..kind("signature_delta") }, out);
        }
        put("content_block_stop", wire::Event { index: Some(place), ..wire::Event::default() }, out);
    }

    fn message(&mut self, delta: &MessageDelta, usage: Option<&CanonicalUsage>, out: &mut BytesMut) {
        self.losses.extensions(Path::Root, &delta.extensions);
        let mut inside = wire::Delta {
            stop_reason: encode::stop_reason(delta.stop_reason, &delta.extensions),
            stop_sequence: delta.stop_sequence.as_deref().map(Into::into),
            rest: rest(&delta.extensions, DIALECT),
            ..wire::Delta::default()
        };
        for (name, there) in
            [("stop_reason", inside.stop_reason.is_some()), ("stop_sequence", inside.stop_sequence.is_some())]
        {
            if !there && !inside.rest.iter().any(|(known, _)| known == name) {
                inside.rest.push((Cow::Borrowed(name), null()));
            }
        }
        let usage = usage.map(|usage| encode::usage(usage, &mut self.losses));
        // a client waits for these figures
        let usage = usage.or_else(|| self.foreign.then(|| encode::no_usage(&mut self.losses)));
        put("message_delta", wire::Event { delta: Some(inside), usage, ..wire::Event::default() }, out);
    }
}

fn kind(name: &'static str) -> wire::Delta<'static> {
    wire::Delta { kind: Some(name.into()), ..wire::Delta::default() }
}

fn put(name: &'static str, event: wire::Event<'_>, out: &mut BytesMut) {
    let event = wire::Event { kind: Some(name.into()), ..event };
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    if serde_json::to_writer((&mut *out).writer(), &event).is_err() {
        // a `BytesMut` takes everything
        out.extend_from_slice(&write(&event));
    }
    out.extend_from_slice(b"\n\n");
}

impl StreamEncoder for Encoder {
    fn chunk(&mut self, chunk: &CanonicalChunk, out: &mut BytesMut) {
        match chunk {
            CanonicalChunk::MessageStart { message } => self.start(message, out),
            CanonicalChunk::ContentBlockStart { index, content_block } => {
                self.begin(*index, content_block, out)
            }
            CanonicalChunk::ContentBlockDelta { index, delta } => self.more(*index, delta, out),
            CanonicalChunk::ContentBlockStop { index } => self.close(*index, out),
            CanonicalChunk::MessageDelta { delta, usage } => self.message(delta, usage.as_ref(), out),
            CanonicalChunk::MessageStop => put("message_stop", wire::Event::default(), out),
            CanonicalChunk::Opaque(event) if event.dialect == DIALECT => {
                let name = encode::event_name(&event.value);
                out.extend_from_slice(format!("event: {name}\ndata: {}\n\n", event.value).as_bytes());
            }
            CanonicalChunk::Opaque(_) => self.losses.dropped(Path::Root, "an event only one dialect knows"),
        }
    }

    fn take_losses(&mut self) -> Vec<Loss> {
        std::mem::replace(&mut self.losses, Losses::to(DIALECT)).into_list()
    }
}
