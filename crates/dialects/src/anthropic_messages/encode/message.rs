//! The messages of a conversation, and the system prompt.

use penstock_core::canonical::{
    CanonicalMessage, CanonicalRequest, Content, ContentBlock, MessageRole, SystemPrompt,
};

use super::super::{DIALECT, wire};
use super::block::{Blocks, shell, text_block};
use crate::loss::{Losses, Path};
use crate::object::{RawTextOr, is_foreign, is_noted, rest, whole_message};

pub(super) struct Conversation<'a, 'b> {
    blocks: Blocks<'b>,
    /// What system messages in the middle say, which must stand in front.
    moved: Vec<wire::Block<'a>>,
    /// Whether the request came in another dialect.
    foreign: bool,
}

impl<'a, 'b> Conversation<'a, 'b> {
    pub(super) const fn new(provider: &'b str, losses: &'b mut Losses) -> Self {
        Self { blocks: Blocks { losses, provider }, moved: Vec::new(), foreign: false }
    }

    pub(super) fn write(
        mut self,
        request: &'a CanonicalRequest,
    ) -> (Option<RawTextOr<'a, Vec<wire::Block<'a>>>>, Vec<wire::Message<'a>>) {
        self.foreign = is_foreign(&request.extensions, DIALECT);
        let system = request.system.as_ref().map(|prompt| self.prompt(prompt));
        let mut messages = Vec::with_capacity(request.messages.len());
        for (index, message) in request.messages.iter().enumerate() {
            let at = Path::Root.field("messages");
            let leads = messages.is_empty();
            messages.extend(self.message(at.index(index), leads, message));
        }
        (self.with_moved(system), messages)
    }

    fn prompt(&mut self, prompt: &'a SystemPrompt) -> RawTextOr<'a, Vec<wire::Block<'a>>> {
        let blocks = match prompt {
            SystemPrompt::Text(text) => return RawTextOr::Text(text.into()),
            SystemPrompt::Blocks(blocks) => blocks,
        };
        let at = Path::Root.field("system");
        let written = blocks.iter().enumerate().map(|(index, block)| {
            self.blocks.losses.extensions(at.index(index), &block.extras.extensions);
            wire::Block { text: Some((&block.text).into()), ..shell("text", &block.extras) }
        });
        RawTextOr::Other(written.collect())
    }

    /// The system prompt, and behind it what was moved there.
    fn with_moved(
        &mut self,
        system: Option<RawTextOr<'a, Vec<wire::Block<'a>>>>,
    ) -> Option<RawTextOr<'a, Vec<wire::Block<'a>>>> {
        if self.moved.is_empty() {
            return system;
        }
        let mut blocks = match system {
            Some(RawTextOr::Text(text)) => vec![text_block(text)],
            Some(RawTextOr::Other(blocks)) => blocks,
            None => Vec::new(),
        };
        blocks.append(&mut self.moved);
        Some(RawTextOr::Other(blocks))
    }

    fn message(
        &mut self,
        at: Path<'_>,
        leads: bool,
        message: &'a CanonicalMessage,
    ) -> Option<wire::Message<'a>> {
        self.blocks.losses.extensions(at, &message.extensions);
        if let Some(whole) = whole_message(message, DIALECT) {
            return whole.read();
        }
        let role = match message.role {
            MessageRole::User => "user",
            MessageRole::Assistant => "assistant",
            MessageRole::System if is_noted(&message.extensions, DIALECT, "~role") => "system",
            MessageRole::System => {
                if !leads {
                    self.blocks.losses.changed(at, "stands in the system prompt");
                }
                self.move_in_front(at.field("content"), &message.content);
                return None;
            }
        };
        let silent = match &message.content {
            Content::Text(text) => text.is_empty(),
            Content::Blocks(blocks) => blocks.is_empty(),
        };
        if silent && self.foreign {
            self.blocks.losses.dropped(at, "it says nothing, which is refused");
            return None;
        }
        let content = self.blocks.content(at.field("content"), &message.content);
        let lost = matches!(&content, RawTextOr::Other(blocks) if blocks.is_empty())
            && !matches!(&message.content, Content::Blocks(blocks) if blocks.is_empty());
        if lost {
            // a message without content is refused; what it had is noted
            return None;
        }
        let rest = rest(&message.extensions, DIALECT);
        Some(wire::Message { role: Some(role.into()), content: Some(content), rest })
    }

    /// Adds what a system message of another dialect says to the system prompt, where there are only texts,
    /// and none of them empty.
    fn move_in_front(&mut self, at: Path<'_>, content: &'a Content) {
        let blocks = match content {
            Content::Text(text) => {
                self.moved.extend((!text.is_empty()).then(|| text_block(text.into())));
                return;
            }
            Content::Blocks(blocks) => blocks,
        };
        for (index, block) in blocks.iter().enumerate() {
            match block {
                ContentBlock::Text(text) if text.text.is_empty() => {}
                ContentBlock::Text(_) => self.moved.extend(self.blocks.block(at.index(index), block)),
                _ => self.blocks.losses.dropped(at.index(index), "a system prompt is text"),
            }
        }
    }
}
