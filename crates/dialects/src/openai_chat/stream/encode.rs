//! From the canonical form to the wire.

use bytes::BytesMut;
use penstock_core::Json;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, Extensions};

use super::super::{DIALECT, encode, wire};
use super::blocks::Blocks;
use super::chunk::Head;
use crate::codec::{Client, StreamEncoder};
use crate::loss::{Loss, Losses, Path};
use crate::object::{RawTextOr, is_foreign, nested, rest};

/// Writes a stream.
pub(in super::super) struct Encoder {
    client: Client,
    head: Head,
    /// What the end is written from: the reason, the figures, the extensions so far; no content.
    answer: CanonicalResponse,
    blocks: Blocks,
    losses: Losses,
}

impl Encoder {
    pub(in super::super) fn new(client: Client) -> Self {
        let created = Json::of(&client.created);
        Self {
            client,
            head: Head { id: String::new(), model: String::new(), created, role: Some("assistant") },
            answer: CanonicalResponse::default(),
            blocks: Blocks::default(),
            losses: Losses::to(DIALECT),
        }
    }

    fn start(&mut self, message: &CanonicalResponse, out: &mut BytesMut) {
        self.head.id.clone_from(&message.id);
        self.head.model.clone_from(&message.model);
        self.date(&message.extensions);
        self.answer = CanonicalResponse { content: Vec::new(), ..message.clone() };
        if is_foreign(&message.extensions, DIALECT) {
            // a sign of life, as this dialect's own providers give it
            let content = Some(RawTextOr::Text("".into()));
            self.head.delta(wire::Message { content, ..wire::Message::default() }, out);
        }
    }

    /// The date that the provider gave, where it speaks this dialect.
    fn date(&mut self, extensions: &Extensions) {
        if let Some(created) = extensions.get(DIALECT, "created") {
            self.head.created = created.clone();
        }
    }

    /// The last chunks: why it ended, what else there is, what it consumed.
    fn end(&mut self, out: &mut BytesMut) {
        self.blocks.carriers(&mut self.head, out);
        let extensions = &self.answer.extensions;
        self.losses.extensions(Path::Root, extensions);
        let mut top = rest(extensions, DIALECT);
        let others = top.iter().position(|(name, _)| name == "choices");
        let others = others.and_then(|at| Json::from(top.remove(at).1.as_ref()).elements());
        let none = extensions.get(DIALECT, "~choice_at").is_some_and(|at| at.as_str().is_some());
        let role = extensions.get(DIALECT, "~role").and_then(Json::read);
        let choice = wire::Choice {
            index: Some(0),
            delta: Some(wire::Message {
                role: role.or_else(|| self.head.role.map(Into::into)),
                rest: nested(extensions, DIALECT, "~message"),
                ..wire::Message::default()
            }),
            finish_reason: encode::ending(&self.answer, &mut self.losses).map(Into::into),
            rest: nested(extensions, DIALECT, "~choice"),
            ..wire::Choice::default()
        };
        self.head.with(top, if none { &[] } else { std::slice::from_ref(&choice) }, out);
        for other in others.into_iter().flatten() {
            if let Some(choice) = other.read::<wire::Choice<'_>>() {
                self.head.chunk(
                    &[wire::Choice { delta: choice.message, message: None, ..choice }],
                    None,
                    out,
                );
            }
        }
        if let Some(usage) = self.answer.usage.as_ref().filter(|_| self.client.stream_usage) {
            let usage = encode::usage(usage, &mut self.losses);
            self.head.chunk(&[], Some(usage), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl StreamEncoder for Encoder {
    fn chunk(&mut self, chunk: &CanonicalChunk, out: &mut BytesMut) {
        let Self { blocks, head, losses, .. } = self;
        match chunk {
            CanonicalChunk::MessageStart { message } => self.start(message, out),
            CanonicalChunk::ContentBlockStart { index, content_block } => {
                blocks.begin(*index, content_block, head, losses, out);
            }
            CanonicalChunk::ContentBlockDelta { index, delta } => {
                blocks.more(*index, delta, head, losses, out);
            }
            CanonicalChunk::ContentBlockStop { index } => blocks.close(*index, head, out),
            CanonicalChunk::MessageDelta { delta, usage } => {
                self.date(&delta.extensions);
                self.answer.update(delta.clone(), usage.clone());
            }
            CanonicalChunk::MessageStop => self.end(out),
            CanonicalChunk::Opaque(event) => {
                if event.dialect != DIALECT {
                    losses.event();
                }
            }
        }
    }

    fn take_losses(&mut self) -> Vec<Loss> {
        self.losses.take()
    }
}
