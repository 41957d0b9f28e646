//! The blocks of a message.

use penstock_core::canonical::{BlockExtras, Content, ContentBlock, Document, Source, ToolResult};

use super::super::{DIALECT, wire};
use super::thought;
use super::tool::tool_use;
use crate::loss::{Losses, Path};
use crate::object::{RawText, RawTextOr, TextOr, rest};

/// Writes blocks, and notes what they lose.
pub(super) struct Blocks<'b> {
    pub(super) losses: &'b mut Losses,
    pub(super) provider: &'b str,
}

impl Blocks<'_> {
    /// Content, without the blocks that cannot be written.
    pub(super) fn content<'a>(
        &mut self,
        at: Path<'_>,
        content: &'a Content,
    ) -> RawTextOr<'a, Vec<wire::Block<'a>>> {
        match content {
            Content::Text(text) => RawTextOr::Text(text.into()),
            Content::Blocks(blocks) => {
                let written =
                    blocks.iter().enumerate().filter_map(|(index, block)| self.block(at.index(index), block));
                // most messages have one block, and blocks are large: a list that grows would take room for four
                let mut list = Vec::with_capacity(blocks.len());
                list.extend(written);
                RawTextOr::Other(list)
            }
        }
    }

    /// A block, if it can be written.
    pub(super) fn block<'a>(&mut self, at: Path<'_>, block: &'a ContentBlock) -> Option<wire::Block<'a>> {
        if let Some(extras) = block.extras() {
            self.losses.extensions(at, &extras.extensions);
        }
        Some(match block {
            ContentBlock::Text(block) => {
                wire::Block { text: Some((&block.text).into()), ..shell("text", &block.extras) }
            }
            ContentBlock::ToolUse(block) => tool_use(at, block, self.losses),
            ContentBlock::ToolResult(block) => self.tool_result(at, block),
            ContentBlock::Image(block) => {
                let source = self.source(at, &block.source);
                wire::Block { source: Some(Box::new(source)), ..shell("image", &block.extras) }
            }
            ContentBlock::Document(block) => self.document(at, block),
            ContentBlock::Thinking(block) => return thought::replay(at, block, self),
            ContentBlock::Opaque(block) => return thought::replay_opaque(at, block, self),
        })
    }

    fn tool_result<'a>(&mut self, at: Path<'_>, block: &'a ToolResult) -> wire::Block<'a> {
        let content =
            block.content.as_ref().map(|content| match self.content(at.field("content"), content) {
                RawTextOr::Text(text) => RawTextOr::Text(text),
                RawTextOr::Other(blocks) => RawTextOr::Other(wire::Inside::Blocks(blocks)),
            });
        wire::Block {
            tool_use_id: Some(block.tool_use_id.as_str().into()),
            content,
            is_error: block.is_error,
            ..shell("tool_result", &block.extras)
        }
    }

    fn document<'a>(&mut self, at: Path<'_>, block: &'a Document) -> wire::Block<'a> {
        let source = self.source(at, &block.source);
        wire::Block {
            source: Some(Box::new(source)),
            title: block.title.as_deref().map(Into::into),
            context: block.context.as_deref().map(Into::into),
            ..shell("document", &block.extras)
        }
    }

    fn source<'a>(&mut self, at: Path<'_>, source: &'a Source) -> TextOr<'a, wire::Source<'a>> {
        self.losses.extensions(at.field("source"), source.extensions());
        let rest = rest(source.extensions(), DIALECT);
        let inside = |kind: &'static str, media_type: &'a str, data: &'a str| wire::Source {
            kind: Some(kind.into()),
            media_type: Some(media_type.into()),
            data: Some(data.into()),
            ..wire::Source::default()
        };
        let wire = match source {
            Source::Base64 { media_type, data, .. } => inside("base64", media_type, data),
            Source::Text { media_type, data, .. } => inside("text", media_type, data),
            Source::Url { data, .. } => wire::Source {
                kind: Some("url".into()),
                url: Some(data.as_str().into()),
                ..wire::Source::default()
            },
        };
        TextOr::Other(wire::Source { rest, ..wire })
    }
}

/// A block with what any block has.
pub(super) fn shell<'a>(kind: &'static str, extras: &'a BlockExtras) -> wire::Block<'a> {
    wire::Block {
        kind: Some(kind.into()),
        cache_control: extras.cache_control.as_ref().map(Into::into),
        rest: rest(&extras.extensions, DIALECT),
        ..wire::Block::default()
    }
}

/// A plain text.
pub(super) fn text_block(text: RawText<'_>) -> wire::Block<'_> {
    wire::Block { kind: Some("text".into()), text: Some(text), ..wire::Block::default() }
}
