//! The blocks of a message.

use penstock_core::canonical::{
    BlockExtras, Content, ContentBlock, Document, Image, Origin, Source, Text, ToolResult,
};

use super::super::{DIALECT, wire};
use super::{thought, tool};
use crate::object::{self, Object as _, RawTextOr, TextOr, block_only_here, extensions, extras};

pub(super) fn blocks(blocks: Vec<wire::Block<'_>>, origin: &Origin) -> Vec<ContentBlock> {
    blocks.into_iter().map(|block| self::block(block, origin)).collect()
}

/// A block; one that is not what its type says stays as it was.
pub(in super::super) fn block(mut block: wire::Block<'_>, origin: &Origin) -> ContentBlock {
    let decoded = match block.kind.as_deref() {
        Some("text") => text(&mut block),
        Some("tool_use") => tool::tool_use(&mut block),
        Some("tool_result") => tool_result(&mut block, origin),
        Some("image") => image(&mut block),
        Some("document") => document(&mut block),
        Some("thinking") => thought::thought(&mut block, origin),
        Some("redacted_thinking") => Some(thought::redacted(&block, origin)),
        _ => None,
    };
    decoded.unwrap_or_else(|| block_only_here(DIALECT, &block))
}

/// Takes what any block may carry.
pub(super) fn take_extras(block: &mut wire::Block<'_>) -> BlockExtras {
    extras(DIALECT, block.cache_control.take(), std::mem::take(&mut block.rest))
}

fn text(block: &mut wire::Block<'_>) -> Option<ContentBlock> {
    if !block.has_only(&["kind", "text", "cache_control"]) {
        return None;
    }
    let text = block.text.take()?.into_owned();
    Some(ContentBlock::Text(Text { text, extras: take_extras(block) }))
}

fn tool_result(block: &mut wire::Block<'_>, origin: &Origin) -> Option<ContentBlock> {
    let plain = block.has_only(&["kind", "tool_use_id", "content", "is_error", "cache_control"]);
    if !plain || matches!(block.content, Some(RawTextOr::Other(wire::Inside::Object(_)))) {
        return None;
    }
    let tool_use_id = block.tool_use_id.take()?.into_owned();
    let content = match block.content.take() {
        Some(RawTextOr::Text(text)) => Some(Content::Text(text.into_owned())),
        Some(RawTextOr::Other(wire::Inside::Blocks(inside))) => Some(Content::Blocks(blocks(inside, origin))),
        Some(RawTextOr::Other(wire::Inside::Object(_))) | None => None,
    };
    let is_error = block.is_error;
    let extras = take_extras(block);
    Some(ContentBlock::ToolResult(ToolResult { tool_use_id, content, is_error, extras }))
}

fn image(block: &mut wire::Block<'_>) -> Option<ContentBlock> {
    if !block.has_only(&["kind", "source", "cache_control"]) {
        return None;
    }
    let source = take_source(&mut block.source, false)?;
    Some(ContentBlock::Image(Image { source, extras: take_extras(block) }))
}

fn document(block: &mut wire::Block<'_>) -> Option<ContentBlock> {
    if !block.has_only(&["kind", "source", "title", "context", "cache_control"]) {
        return None;
    }
    let source = take_source(&mut block.source, true)?;
    let title = block.title.take().map(object::Text::into_owned);
    let context = block.context.take().map(object::Text::into_owned);
    Some(ContentBlock::Document(Document { source, title, context, extras: take_extras(block) }))
}

/// Takes the source if it is one that every dialect knows.
fn take_source(from: &mut Option<Box<TextOr<'_, wire::Source<'_>>>>, text: bool) -> Option<Source> {
    let Some(TextOr::Other(source)) = from.as_deref_mut() else { return None };
    let kind = source.kind.as_deref()?.to_owned();
    let by_url = kind == "url" && source.url.is_some() && source.has_only(&["kind", "url"]);
    let inside = (kind == "base64" || (kind == "text" && text))
        && source.media_type.is_some()
        && source.data.is_some()
        && source.has_only(&["kind", "media_type", "data"]);
    if !by_url && !inside {
        return None;
    }
    let wire::Source { media_type, data, url, rest, .. } = std::mem::take(source);
    let owned = |text: Option<object::Text<'_>>| text.map(object::Text::into_owned).unwrap_or_default();
    let extensions = extensions(DIALECT, rest);
    Some(match kind.as_str() {
        "url" => Source::Url { data: owned(url), extensions },
        "text" => Source::Text { media_type: owned(media_type), data: owned(data), extensions },
        _ => Source::Base64 { media_type: owned(media_type), data: owned(data), extensions },
    })
}
