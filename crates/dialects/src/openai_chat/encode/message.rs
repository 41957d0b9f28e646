//! The messages of a conversation, and what a model says in one.

use penstock_core::Json;
use penstock_core::canonical::{
    CanonicalMessage, CanonicalRequest, Content, ContentBlock, Extensions, MessageRole, Opaque, SystemPrompt,
    Text, ToolResult,
};

use super::super::{DIALECT, wire};
use super::block::{Parts, Reader, text_part};
use super::{thought, tool};
use crate::codec::Target;
use crate::loss::{Losses, Path};
use crate::object::{self, RawTextOr, Rest, is_noted, nested, rest, spelling, whole_message};

pub(super) struct Conversation<'a, 'b> {
    parts: Parts<'b>,
    messages: Vec<wire::Message<'a>>,
    /// Images out of tool results, which cannot stand there: they follow as the user's.
    images: Vec<wire::Part<'a>>,
}

impl<'a, 'b> Conversation<'a, 'b> {
    pub(super) const fn new(target: &'b Target<'b>, losses: &'b mut Losses) -> Self {
        let parts = Parts { reader: Reader::Provider(target), losses };
        Self { parts, messages: Vec::new(), images: Vec::new() }
    }

    pub(super) fn write(mut self, request: &'a CanonicalRequest) -> Vec<wire::Message<'a>> {
        if let Some(prompt) = &request.system {
            let prompt = self.system(prompt, &request.extensions);
            self.messages.push(prompt);
        }
        for (index, message) in request.messages.iter().enumerate() {
            self.message(Path::Root.field("messages").index(index), message);
        }
        self.flush_images();
        self.messages
    }

    fn system(&mut self, prompt: &'a SystemPrompt, request: &'a Extensions) -> wire::Message<'a> {
        let content = match prompt {
            SystemPrompt::Text(text) => RawTextOr::Text(text.into()),
            SystemPrompt::Blocks(blocks) => {
                let at = Path::Root.field("system");
                let parts = blocks.iter().enumerate().map(|(index, block)| wire::Part {
                    kind: Some("text".into()),
                    text: Some((&block.text).into()),
                    cache_control: self.parts.cache_control(at.index(index), &block.extras),
                    rest: rest(&block.extras.extensions, DIALECT),
                    ..wire::Part::default()
                });
                RawTextOr::Other(parts.collect())
            }
        };
        let role = request.get(DIALECT, "~system_role").and_then(Json::read);
        wire::Message {
            role: Some(role.unwrap_or_else(|| "system".into())),
            content: Some(content),
            rest: nested(request, DIALECT, "~system"),
            ..wire::Message::default()
        }
    }

    fn message(&mut self, at: Path<'_>, message: &'a CanonicalMessage) {
        self.parts.losses.extensions(at, &message.extensions);
        if let Some(whole) = whole_message(message, DIALECT) {
            self.flush_images();
            self.messages.extend(whole.read::<wire::Message<'a>>());
            return;
        }
        match message.role {
            MessageRole::Assistant => self.assistant(at, message),
            MessageRole::User => self.user(at, message),
            MessageRole::System => self.plain("system", at, message),
        }
    }

    fn push(&mut self, role: &'a str, content: RawTextOr<'a, Vec<wire::Part<'a>>>, rest: Rest<'a>) {
        self.flush_images();
        self.messages.push(wire::Message {
            role: Some(role.into()),
            content: Some(content),
            rest,
            ..wire::Message::default()
        });
    }

    fn flush_images(&mut self) {
        if !self.images.is_empty() {
            let parts = RawTextOr::Other(std::mem::take(&mut self.images));
            self.push("user", parts, Rest::new());
        }
    }

    fn plain(&mut self, role: &'a str, at: Path<'_>, message: &'a CanonicalMessage) {
        let content = match &message.content {
            Content::Text(text) => RawTextOr::Text(text.into()),
            Content::Blocks(blocks) => {
                let at = at.field("content");
                let parts = blocks.iter().enumerate();
                let parts: Vec<_> =
                    parts.filter_map(|(index, block)| self.parts.part(at.index(index), block)).collect();
                if parts.is_empty() && !blocks.is_empty() {
                    // a message without content is refused; what it had is noted
                    return;
                }
                RawTextOr::Other(parts)
            }
        };
        let role = if is_noted(&message.extensions, DIALECT, "~role") { "developer" } else { role };
        self.push(role, content, rest(&message.extensions, DIALECT));
    }

    /// A message of the user, each tool result in it a message of its own. Those come first: nothing may part
    /// them from the calls that they answer.
    fn user(&mut self, at: Path<'_>, message: &'a CanonicalMessage) {
        let Content::Blocks(blocks) = &message.content else {
            return self.plain("user", at, message);
        };
        let last_result = blocks.iter().rposition(|block| matches!(block, ContentBlock::ToolResult(_)));
        let Some(last_result) = last_result else {
            return self.plain("user", at, message);
        };
        let at = at.field("content");
        let mut parts = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            let at = at.index(index);
            if let ContentBlock::ToolResult(result) = block {
                self.tool_result(at, result);
                continue;
            }
            let part = self.parts.part(at, block);
            if part.is_some() && index < last_result {
                self.parts.losses.changed(at, "stands behind the results of tools");
            }
            parts.extend(part);
        }
        if !parts.is_empty() {
            self.push("user", RawTextOr::Other(parts), rest(&message.extensions, DIALECT));
        }
    }

    fn tool_result(&mut self, at: Path<'_>, result: &'a ToolResult) {
        let extras = &result.extras;
        if self.parts.cache_control(at, extras).is_some() {
            self.parts.losses.dropped(at.field("cacheControl"), "tool messages have none");
        }
        if result.is_error == Some(true) {
            self.parts.losses.dropped(at.field("isError"), "its text goes on");
        }
        let rest = rest(&extras.extensions, DIALECT);
        let content = match &result.content {
            // it came without one, and whether that will do is for its provider to judge
            None if is_noted(&extras.extensions, DIALECT, "~content") => None,
            None => {
                self.parts.losses.filled(at.field("content"), "an empty text");
                Some(RawTextOr::Text("".into()))
            }
            Some(Content::Text(text)) => Some(RawTextOr::Text(text.into())),
            Some(Content::Blocks(blocks)) => Some(self.result_parts(at.field("content"), blocks, result)),
        };
        self.messages.push(wire::Message {
            role: Some("tool".into()),
            content,
            tool_call_id: Some(result.tool_use_id.as_str().into()),
            rest,
            ..wire::Message::default()
        });
    }

    fn result_parts(
        &mut self,
        at: Path<'_>,
        blocks: &'a [ContentBlock],
        result: &'a ToolResult,
    ) -> RawTextOr<'a, Vec<wire::Part<'a>>> {
        let spelt = is_noted(&result.extras.extensions, DIALECT, "~content");
        let mut parts = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.iter().enumerate() {
            let at = at.index(index);
            let Some(part) = self.parts.part(at, block) else { continue };
            let moves = matches!(part.kind.as_deref(), Some("image_url" | "file"));
            if !moves || spelt {
                parts.push(part);
                continue;
            }
            self.parts.losses.changed(at, "follows as a message of the user");
            if self.images.is_empty() {
                let label = format!("[from the result of {}]", result.tool_use_id);
                self.images.push(text_part(label.as_str().into()));
            }
            self.images.push(part);
        }
        match parts.as_mut_slice() {
            [] if !blocks.is_empty() => RawTextOr::Text("".into()),
            [wire::Part { text: Some(text), cache_control: None, rest, .. }] if rest.is_empty() && !spelt => {
                RawTextOr::Text(std::mem::take(text))
            }
            _ => RawTextOr::Other(parts),
        }
    }

    fn assistant(&mut self, at: Path<'_>, message: &'a CanonicalMessage) {
        let blocks = match &message.content {
            Content::Text(text) => {
                let rest = rest(&message.extensions, DIALECT);
                return self.push("assistant", RawTextOr::Text(text.into()), rest);
            }
            Content::Blocks(blocks) => blocks,
        };
        self.flush_images();
        let at = at.field("content");
        let mut said = Said::default();
        for (index, block) in blocks.iter().enumerate() {
            match block {
                ContentBlock::Thinking(thought) => {
                    thought::replay(at.index(index), thought, &mut self.parts, &mut said.message);
                }
                block => said.push(at.index(index), block, &mut self.parts),
            }
        }
        let rest = rest(&message.extensions, DIALECT);
        if said.is_empty() && rest.is_empty() && !blocks.is_empty() {
            // as above
            return;
        }
        let said = said.finish(|parts| content(parts, &message.extensions));
        self.messages.push(wire::Message { role: Some("assistant".into()), rest, ..said });
    }
}

/// What a model says, as it becomes one message: its text, its refusal and its calls, each in their place.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) message: wire::Message<'a>,
    parts: Vec<wire::Part<'a>>,
    calls: Vec<wire::ToolCall<'a>>,
}

object::object! {
    /// How a call of a kind that only this dialect knows stands among blocks.
    OpaqueCall { tool_call: wire::ToolCall<'a> }
}

/// A call of a kind that only this dialect knows.
pub(in super::super) fn own_call(block: &Opaque) -> Option<wire::ToolCall<'_>> {
    if block.dialect != DIALECT {
        return None;
    }
    block.value.read::<OpaqueCall<'_>>()?.tool_call
}

impl<'a> Said<'a> {
    /// Adds a block; thoughts are the caller's.
    pub(super) fn push(&mut self, at: Path<'_>, block: &'a ContentBlock, parts: &mut Parts<'_>) {
        match block {
            ContentBlock::ToolUse(call) => self.calls.push(tool::tool_call(at, call, parts.losses)),
            ContentBlock::Opaque(block) if let Some(call) = own_call(block) => self.calls.push(call),
            ContentBlock::Text(text) if is_refusal(text) => {
                self.message.refusal = Some(object::Text(text.text.to_str()));
            }
            block => {
                let Some(part) = parts.part(at, block) else { return };
                if !self.calls.is_empty() {
                    parts.losses.changed(at, "stands before the tool calls");
                }
                self.parts.push(part);
            }
        }
    }

    /// Whether nothing that was to be said can be.
    fn is_empty(&self) -> bool {
        let wire::Message { refusal, reasoning, reasoning_content, .. } = &self.message;
        let words = [refusal, reasoning, reasoning_content];
        self.parts.is_empty() && self.calls.is_empty() && words.iter().all(|field| field.is_none())
    }

    /// The message, its parts written by `content`.
    pub(super) fn finish(
        mut self,
        content: impl FnOnce(Vec<wire::Part<'a>>) -> Option<RawTextOr<'a, Vec<wire::Part<'a>>>>,
    ) -> wire::Message<'a> {
        self.message.content = content(self.parts);
        self.message.tool_calls = Some(self.calls).filter(|calls| !calls.is_empty());
        self.message
    }
}

fn is_refusal(text: &Text) -> bool {
    spelling(&text.extras.extensions, DIALECT, "~refusal").as_deref() == Some("field")
}

/// One plain text is a string, as clients and lookalikes expect; anything else is a list of parts.
pub(super) fn content<'a>(
    mut parts: Vec<wire::Part<'a>>,
    message: &Extensions,
) -> Option<RawTextOr<'a, Vec<wire::Part<'a>>>> {
    let spelt = is_noted(message, DIALECT, "~content");
    match parts.as_mut_slice() {
        [] if !spelt => None,
        [wire::Part { text: Some(text), cache_control: None, rest, .. }] if rest.is_empty() && !spelt => {
            Some(RawTextOr::Text(std::mem::take(text)))
        }
        _ => Some(RawTextOr::Other(parts)),
    }
}
