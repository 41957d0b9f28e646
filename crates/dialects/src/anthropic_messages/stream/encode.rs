//! From the canonical form to the wire.

use std::borrow::Cow;

use bytes::BytesMut;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, CanonicalUsage, MessageDelta};

use super::super::{DIALECT, encode, wire};
use super::blocks::Blocks;
use crate::codec::{StreamEncoder, append};
use crate::loss::{Loss, Losses, Path};
use crate::object::{Rest, Text, is_foreign, nested, null, rest};

/// Writes a stream.
pub(in super::super) struct Encoder {
    losses: Losses,
    blocks: Blocks,
    /// An answer of another dialect, without its content. Here its end is one event, the last but one.
    foreign: Option<CanonicalResponse>,
    /// The block that is being written, and what has come for those after it meanwhile: clients of this
    /// dialect expect one at a time.
    open: Option<usize>,
    waiting: Vec<CanonicalChunk>,
}

impl Encoder {
    pub(in super::super) fn new() -> Self {
        Self {
            losses: Losses::to(DIALECT),
            blocks: Blocks::default(),
            foreign: None,
            open: None,
            waiting: Vec::new(),
        }
    }

    fn start(&mut self, message: &CanonicalResponse, out: &mut BytesMut) {
        let mut wire = encode::head(message, &mut Losses::to(DIALECT));
        wire.content = Some(Vec::new());
        if is_foreign(&message.extensions, DIALECT) {
            self.foreign = Some(CanonicalResponse { content: Vec::new(), ..message.clone() });
            // the figures come at the end
            wire.usage = wire.usage.or_else(|| Some(encode::no_usage()));
            wire.rest.extend(["stop_reason", "stop_sequence"].map(|name| (Cow::Borrowed(name), null())));
        } else {
            self.note(message);
        }
        put("message_start", wire::Event { message: Some(wire), ..wire::Event::default() }, out);
    }

    /// Notes what an answer has of other dialects beside its content.
    fn note(&mut self, message: &CanonicalResponse) {
        self.losses.extensions(Path::Root, &message.extensions);
        if let Some(usage) = &message.usage {
            encode::usage(usage, &mut self.losses);
        }
    }

    /// A piece of the end, as this dialect's own providers tell it.
    fn message(&mut self, delta: &MessageDelta, usage: Option<&CanonicalUsage>, out: &mut BytesMut) {
        self.losses.extensions(Path::Root, &delta.extensions);
        let usage = usage.map(|usage| encode::usage(usage, &mut self.losses));
        let reason = encode::stop_reason(delta.stop_reason, &delta.extensions);
        let beside = nested(&delta.extensions, DIALECT, "~beside");
        put_end(
            reason,
            delta.stop_sequence.as_deref(),
            [rest(&delta.extensions, DIALECT), beside],
            usage,
            out,
        );
    }

    /// The whole end.
    fn end(&mut self, answer: &CanonicalResponse, out: &mut BytesMut) {
        let calls = self.blocks.have_called();
        let reason = encode::foreign_stop_reason(answer.stop_reason, calls, &mut self.losses);
        self.losses.extensions(Path::Root, &answer.extensions);
        let usage = answer.usage.as_ref().map(|usage| encode::usage(usage, &mut self.losses));
        let usage = usage.unwrap_or_else(|| {
            encode::usage_filled(&mut self.losses);
            encode::no_usage()
        });
        put_end(
            Some(reason.into()),
            answer.stop_sequence.as_deref(),
            [Rest::new(), Rest::new()],
            Some(usage),
            out,
        );
    }
}

/// The end, with further fields in the delta and beside it.
fn put_end(
    stop_reason: Option<Text<'_>>,
    stop_sequence: Option<&str>,
    [rest, beside]: [Rest<'_>; 2],
    usage: Option<wire::UsageReport<'_>>,
    out: &mut BytesMut,
) {
    let stop_sequence = stop_sequence.map(Into::into);
    let mut delta = wire::Delta { stop_reason, stop_sequence, rest, ..wire::Delta::default() };
    let there =
        [("stop_reason", delta.stop_reason.is_some()), ("stop_sequence", delta.stop_sequence.is_some())];
    for (name, there) in there {
        if !there && !delta.rest.iter().any(|(known, _)| known == name) {
            delta.rest.push((Cow::Borrowed(name), null()));
        }
    }
    let event = wire::Event { delta: Some(delta), usage, rest: beside, ..wire::Event::default() };
    put("message_delta", event, out);
}

/// An event.
pub(super) fn put(name: &'static str, event: wire::Event<'_>, out: &mut BytesMut) {
    let event = wire::Event { kind: Some(name.into()), ..event };
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    append(out, &event);
    out.extend_from_slice(b"\n\n");
}

impl StreamEncoder for Encoder {
    fn chunk(&mut self, chunk: &CanonicalChunk, out: &mut BytesMut) {
        let index = match chunk {
            CanonicalChunk::ContentBlockStart { index, .. }
            | CanonicalChunk::ContentBlockDelta { index, .. }
            | CanonicalChunk::ContentBlockStop { index } => *index,
            _ => return self.write(chunk, out),
        };
        if self.open.is_some_and(|open| open != index) {
            self.waiting.push(chunk.clone());
            return;
        }
        self.write(chunk, out);
        self.open = (!matches!(chunk, CanonicalChunk::ContentBlockStop { .. })).then_some(index);
        if self.open.is_none() {
            // what still has to wait gets back in line
            for chunk in std::mem::take(&mut self.waiting) {
                self.chunk(&chunk, out);
            }
        }
    }

    fn take_losses(&mut self) -> Vec<Loss> {
        self.losses.take()
    }
}

impl Encoder {
    fn write(&mut self, chunk: &CanonicalChunk, out: &mut BytesMut) {
        let Self { blocks, losses, .. } = self;
        match chunk {
            CanonicalChunk::MessageStart { message } => self.start(message, out),
            CanonicalChunk::ContentBlockStart { index, content_block } => {
                blocks.begin(*index, content_block, self.foreign.is_some(), losses, out);
            }
            CanonicalChunk::ContentBlockDelta { index, delta } => blocks.more(*index, delta, losses, out),
            CanonicalChunk::ContentBlockStop { index } => blocks.close(*index, losses, out),
            CanonicalChunk::MessageDelta { delta, usage } => match &mut self.foreign {
                Some(answer) => answer.update(delta.clone(), usage.clone()),
                None => self.message(delta, usage.as_ref(), out),
            },
            CanonicalChunk::MessageStop => {
                if let Some(answer) = self.foreign.take() {
                    self.end(&answer, out);
                }
                put("message_stop", wire::Event::default(), out);
            }
            CanonicalChunk::Opaque(event) if event.dialect == DIALECT => {
                let name = encode::event_name(&event.value);
                out.extend_from_slice(format!("event: {name}\ndata: {}\n\n", event.value).as_bytes());
            }
            CanonicalChunk::Opaque(_) => losses.event(),
        }
    }
}
