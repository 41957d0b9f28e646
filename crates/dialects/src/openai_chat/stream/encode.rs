//! From the canonical form to the wire.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::{BufMut, BytesMut};
use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalChunk, CanonicalResponse, CanonicalUsage, ContentBlock, Delta, Extensions,
};
use serde::Serialize;

use super::super::{DIALECT, encode, wire};
use crate::codec::{Client, StreamEncoder, write};
use crate::loss::{Loss, Losses, Path};
use crate::object::{Rest, Text, TextOr, rest};

/// What a block has become.
enum Block {
    Text,
    Refusal,
    /// With the thought itself: its carrier comes whole, when the block ends.
    Thinking(ContentBlock),
    /// The call of that index, and whether arguments were written.
    Call(usize, bool),
    Nothing,
}

/// Writes a stream.
pub(in super::super) struct Encoder {
    client: Client,
    /// Head, stop reason and extensions so far; no content.
    answer: CanonicalResponse,
    blocks: HashMap<usize, Block>,
    calls: usize,
    losses: Losses,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: &'a Json,
    model: &'a str,
    choices: &'a [wire::Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<wire::UsageReport<'a>>,
}

impl Encoder {
    pub(in super::super) fn new(client: Client) -> Self {
        Self {
            client,
            answer: CanonicalResponse::default(),
            blocks: HashMap::new(),
            calls: 0,
            losses: Losses::to(DIALECT),
        }
    }

    fn created(&self) -> Json {
        let own = self.answer.extensions.get(DIALECT, "created").cloned();
        own.unwrap_or_else(|| Json::of(&self.client.created))
    }

    fn event(&self, choices: &[wire::Choice<'_>], usage: Option<wire::UsageReport<'_>>, out: &mut BytesMut) {
        let chunk = Chunk {
            id: &self.answer.id,
            object: "chat.completion.chunk",
            created: &self.created(),
            model: &self.answer.model,
            choices,
            usage,
        };
        put(&chunk, out);
    }

    fn delta(&self, delta: wire::Message<'_>, out: &mut BytesMut) {
        let choice = wire::Choice {
            index: Some(0),
            delta: Some(delta),
            rest: vec![(Cow::Borrowed("finish_reason"), crate::object::null())],
            ..wire::Choice::default()
        };
        self.event(&[choice], None, out);
    }

    fn text(&self, field: &Block, text: &str, out: &mut BytesMut) {
        let text = Some(Text::from(text));
        let nothing = wire::Message::default();
        self.delta(
            match field {
                Block::Refusal => wire::Message { refusal: text, ..nothing },
                Block::Thinking(block) if is_reasoning(block) => wire::Message { reasoning: text, ..nothing },
                Block::Thinking(_) => wire::Message { reasoning_content: text, ..nothing },
                _ => wire::Message { content: text.map(TextOr::Text), ..nothing },
            },
            out,
        );
    }

    fn call(&self, call: wire::ToolCall<'_>, out: &mut BytesMut) {
        self.delta(wire::Message { tool_calls: Some(vec![call]), ..wire::Message::default() }, out);
    }

    fn begin(&mut self, index: usize, block: &ContentBlock, out: &mut BytesMut) {
        let at = Path::Root.field("content");
        let kind = match block {
            ContentBlock::Text(text) => {
                let refused = text.extras.extensions.get(DIALECT, "~refusal").is_some();
                self.losses.extensions(at.index(index), &text.extras.extensions);
                let kind = if refused { Block::Refusal } else { Block::Text };
                if !text.text.is_empty() {
                    self.text(&kind, &text.text, out);
                }
                kind
            }
            ContentBlock::Thinking(thought) => {
                let kind = Block::Thinking(block.clone());
                if !thought.text.is_empty() {
                    self.text(&kind, &thought.text, out);
                }
                kind
            }
            ContentBlock::ToolUse(tool) => {
                let number = self.calls;
                self.calls += 1;
                let mut call = encode::tool_call(at.index(index), tool, &mut self.losses);
                let whole = tool.input.text() != "{}";
                if let (false, Some(function)) = (whole, &mut call.function) {
                    function.arguments = Some("".into());
                }
                self.call(wire::ToolCall { index: Some(number), ..call }, out);
                Block::Call(number, whole)
            }
            ContentBlock::Opaque(opaque) => {
                let call = opaque.value.get("tool_call").filter(|_| opaque.dialect == DIALECT);
                if let Some(call) = call.as_ref().and_then(Json::read::<wire::ToolCall<'_>>) {
                    self.call(wire::ToolCall { index: Some(self.calls), ..call }, out);
                    self.calls += 1;
                } else if encode::detail(index, block).is_some() {
                    self.carry(index, block, out);
                } else {
                    self.losses.dropped(at.index(index), "only one dialect knows it");
                }
                Block::Nothing
            }
            ContentBlock::Image(_) | ContentBlock::Document(_) | ContentBlock::ToolResult(_) => {
                self.losses.dropped(at.index(index), "an answer is text and tool calls");
                Block::Nothing
            }
        };
        self.blocks.insert(index, kind);
    }

    fn more(&mut self, index: usize, delta: &Delta, out: &mut BytesMut) {
        let Some(mut block) = self.blocks.remove(&index) else { return };
        match (delta, &mut block) {
            (Delta::TextDelta { text }, kind) => self.text(kind, text, out),
            (Delta::ThinkingDelta { text }, kind) => {
                self.text(kind, text, out);
                if let Block::Thinking(ContentBlock::Thinking(thought)) = kind {
                    thought.text.push_str(text);
                }
            }
            (Delta::SignatureDelta { signature }, Block::Thinking(ContentBlock::Thinking(thought))) => {
                thought.signature.get_or_insert_default().push_str(signature);
            }
            (Delta::InputJsonDelta { partial_json }, Block::Call(number, written)) => {
                *written = true;
                let function = wire::FunctionCall {
                    arguments: Some(partial_json.as_str().into()),
                    ..wire::FunctionCall::default()
                };
                let call = wire::ToolCall {
                    index: Some(*number),
                    function: Some(function),
                    ..wire::ToolCall::default()
                };
                self.call(call, out);
            }
            (Delta::ExtensionsDelta { extensions }, kind) => self.extend(index, extensions, kind, out),
            (Delta::SignatureDelta { .. } | Delta::InputJsonDelta { .. }, _) => {}
        }
        self.blocks.insert(index, block);
    }

    fn extend(&mut self, index: usize, extensions: &Extensions, block: &mut Block, out: &mut BytesMut) {
        self.losses.extensions(Path::Root.field("content").index(index), extensions);
        let Block::Call(number, written) = block else { return };
        *written |= extensions.get(DIALECT, "~arguments").is_some();
        let (rest, inside) = (rest(extensions, DIALECT), encode::nested(extensions, "~function"));
        if rest.is_empty() && inside.is_empty() {
            return;
        }
        let function = Some(wire::FunctionCall { rest: inside, ..wire::FunctionCall::default() })
            .filter(|function| !function.rest.is_empty());
        self.call(wire::ToolCall { index: Some(*number), function, rest, ..wire::ToolCall::default() }, out);
    }

    fn close(&mut self, index: usize, out: &mut BytesMut) {
        match self.blocks.remove(&index) {
            Some(Block::Thinking(block)) => self.carry(index, &block, out),
            // the input was an empty object from the beginning, and nothing came
            Some(Block::Call(number, false)) => {
                let function =
                    wire::FunctionCall { arguments: Some("{}".into()), ..wire::FunctionCall::default() };
                let call = wire::ToolCall {
                    index: Some(number),
                    function: Some(function),
                    ..wire::ToolCall::default()
                };
                self.call(call, out);
            }
            _ => {}
        }
    }

    fn carry(&self, index: usize, block: &ContentBlock, out: &mut BytesMut) {
        if let Some(detail) = encode::detail(index, block) {
            let details = Json::of(&[detail]);
            let rest: Rest<'_> = vec![(Cow::Borrowed("reasoning_details"), Cow::Borrowed(details.raw()))];
            self.delta(wire::Message { rest, ..wire::Message::default() }, out);
        }
    }

    /// The last chunks: why it ended, what else there is, what it consumed.
    fn end(&mut self, out: &mut BytesMut) {
        let extensions = std::mem::take(&mut self.answer.extensions);
        self.losses.extensions(Path::Root, &extensions);
        let created =
            extensions.get(DIALECT, "created").cloned().map(|created| vec![("created".to_owned(), created)]);
        self.answer.extensions = Extensions::new(DIALECT, created.unwrap_or_default());
        let role = extensions.get(DIALECT, "~role").and_then(Json::read);
        let reason = self.answer.stop_reason.map(encode::finish_reason);
        let choice = wire::Choice {
            index: Some(0),
            delta: Some(wire::Message {
                role,
                rest: encode::nested(&extensions, "~message"),
                ..wire::Message::default()
            }),
            finish_reason: reason.map(Into::into),
            rest: encode::nested(&extensions, "~choice"),
            ..wire::Choice::default()
        };
        let mut top = rest(&extensions, DIALECT);
        top.retain(|(name, _)| name != "created");
        let others = top
            .iter()
            .position(|(name, _)| name == "choices")
            .map(|at| Json::from(top.remove(at).1.as_ref()));
        let none = extensions.get(DIALECT, "~choice_at").is_some_and(|at| at.as_str().is_some());
        let choices = if none { Vec::new() } else { vec![choice] };
        self.last(&choices, top, out);
        for other in others.and_then(|others| others.elements()).unwrap_or_default() {
            if let Some(choice) = other.read::<wire::Choice<'_>>() {
                self.event(&[wire::Choice { delta: choice.message, message: None, ..choice }], None, out);
            }
        }
        let usage: Option<CanonicalUsage> = self.answer.usage.take();
        if let Some(usage) = usage.as_ref().filter(|_| self.client.stream_usage) {
            let mut losses = Losses::to(DIALECT);
            self.event(&[], Some(encode::usage(usage, &mut losses)), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn last(&self, choices: &[wire::Choice<'_>], mut top: Rest<'_>, out: &mut BytesMut) {
        top.push(encode::owned("created", &self.created()));
        top.push(encode::owned("choices", &Json::of(choices)));
        let chunk = wire::Response {
            id: Some(self.answer.id.as_str().into()),
            object: Some("chat.completion.chunk".into()),
            model: Some(self.answer.model.as_str().into()),
            rest: top,
            ..wire::Response::default()
        };
        put(&chunk, out);
    }
}

fn is_reasoning(block: &ContentBlock) -> bool {
    block.extras().is_some_and(|extras| extras.extensions.get(DIALECT, "~field").is_some())
}

fn put(chunk: &impl Serialize, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    if serde_json::to_writer((&mut *out).writer(), chunk).is_err() {
        // a `BytesMut` takes everything
        out.extend_from_slice(&write(chunk));
    }
    out.extend_from_slice(b"\n\n");
}

impl StreamEncoder for Encoder {
    fn chunk(&mut self, chunk: &CanonicalChunk, out: &mut BytesMut) {
        match chunk {
            CanonicalChunk::MessageStart { message } => {
                self.answer = CanonicalResponse { content: Vec::new(), ..(**message).clone() };
                if message.extensions.of(DIALECT).is_empty() {
                    let content = Some(TextOr::Text("".into()));
                    self.delta(
                        wire::Message { role: Some("assistant".into()), content, ..wire::Message::default() },
                        out,
                    );
                }
            }
            CanonicalChunk::ContentBlockStart { index, content_block } => {
                self.begin(*index, content_block, out)
            }
            CanonicalChunk::ContentBlockDelta { index, delta } => self.more(*index, delta, out),
            CanonicalChunk::ContentBlockStop { index } => self.close(*index, out),
            CanonicalChunk::MessageDelta { delta, usage } => {
                self.answer.stop_reason = delta.stop_reason.or(self.answer.stop_reason);
                self.answer.extensions.accumulate(delta.extensions.clone());
                match (&mut self.answer.usage, usage) {
                    (Some(known), Some(later)) => known.update(later.clone()),
                    (known, later) => *known = known.take().or_else(|| later.clone()),
                }
            }
            CanonicalChunk::MessageStop => self.end(out),
            CanonicalChunk::Opaque(event) => {
                if event.dialect != DIALECT {
                    self.losses.dropped(Path::Root, "an event only one dialect knows");
                }
            }
        }
    }

    fn take_losses(&mut self) -> Vec<Loss> {
        std::mem::replace(&mut self.losses, Losses::to(DIALECT)).into_list()
    }
}
