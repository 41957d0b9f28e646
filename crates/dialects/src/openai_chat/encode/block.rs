//! The parts of a message.

use penstock_core::canonical::{BlockExtras, ContentBlock, Document, Origin, Source};

use super::super::{DIALECT, wire};
use crate::codec::Target;
use crate::loss::{Losses, Path};
use crate::object::{RawText, Text, TextOr, Value, is_noted, rest};

/// The file name of a document without a title.
const UNNAMED: &str = "document.pdf";

/// Writes blocks as parts, and notes what they lose.
pub(super) struct Parts<'b> {
    pub(super) reader: Reader<'b>,
    pub(super) losses: &'b mut Losses,
}

/// Who reads the parts.
pub(super) enum Reader<'b> {
    /// A provider, which gets back no secret but its own.
    Provider(&'b Target<'b>),
    /// A client, which gets what there is.
    Client,
}

impl Reader<'_> {
    /// Whether what has that origin may be shown.
    pub(super) fn may_see(&self, origin: &Origin) -> bool {
        match self {
            Self::Provider(target) => origin.admits(DIALECT, target.provider),
            Self::Client => true,
        }
    }

    const fn takes_cache_control(&self) -> bool {
        match self {
            Self::Provider(target) => target.cache_control,
            Self::Client => true,
        }
    }
}

impl Parts<'_> {
    /// A block as a part, if parts can say it.
    pub(super) fn part<'a>(&mut self, at: Path<'_>, block: &'a ContentBlock) -> Option<wire::Part<'a>> {
        let why_not = match block {
            ContentBlock::Opaque(block)
                if block.dialect == DIALECT
                    && block.origin.as_ref().is_none_or(|origin| self.reader.may_see(origin)) =>
            {
                return block.value.read();
            }
            ContentBlock::Text(block) => {
                let mut part = self.shell("text", at, &block.extras);
                if is_noted(&block.extras.extensions, DIALECT, "~refusal") {
                    part.kind = Some("refusal".into());
                    part.refusal = Some(Text(block.text.to_str()));
                } else {
                    part.text = Some((&block.text).into());
                }
                return Some(part);
            }
            ContentBlock::Image(block) => {
                let part = self.shell("image_url", at, &block.extras);
                let image_url = Some(TextOr::Other(self.image_url(at, &block.source)));
                return Some(wire::Part { image_url, ..part });
            }
            ContentBlock::Document(block) => match &block.source {
                Source::Text { data, .. } => return Some(self.text_document(at, block, data)),
                Source::Base64 { .. } => return Some(self.file(at, block)),
                Source::Url { .. } => "no document by its URL",
            },
            ContentBlock::Opaque(_) => "only one dialect knows it",
            ContentBlock::Thinking(_) | ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_) => {
                "it does not belong here"
            }
        };
        self.losses.dropped(at, why_not);
        None
    }

    /// A part with what any part has.
    fn shell<'a>(&mut self, kind: &'static str, at: Path<'_>, extras: &'a BlockExtras) -> wire::Part<'a> {
        wire::Part {
            kind: Some(kind.into()),
            cache_control: self.cache_control(at, extras),
            rest: rest(&extras.extensions, DIALECT),
            ..wire::Part::default()
        }
    }

    /// Anthropic's mark, for the providers that take it; extensions of other dialects are noted as lost.
    pub(super) fn cache_control<'a>(&mut self, at: Path<'_>, extras: &'a BlockExtras) -> Option<Value<'a>> {
        self.losses.extensions(at, &extras.extensions);
        let mark = extras.cache_control.as_ref()?;
        if self.reader.takes_cache_control() {
            return Some(mark.into());
        }
        self.losses.dropped(at.field("cacheControl"), "this provider caches by itself");
        None
    }

    fn image_url<'a>(&mut self, at: Path<'_>, source: &'a Source) -> wire::ImageUrl<'a> {
        let own = source.extensions();
        self.losses.extensions(at.field("source"), own);
        wire::ImageUrl { url: Some(url(source)), rest: rest(own, DIALECT) }
    }

    fn file<'a>(&mut self, at: Path<'_>, document: &'a Document) -> wire::Part<'a> {
        let part = self.shell("file", at, &document.extras);
        let own = document.source.extensions();
        self.losses.extensions(at.field("source"), own);
        if document.context.is_some() {
            self.losses.dropped(at.field("context"), "");
        }
        let mut filename = document.title.as_deref();
        if filename.is_none() && !is_noted(own, DIALECT, "~filename") {
            // the data alone is refused
            self.losses.filled(at.field("title"), UNNAMED);
            filename = Some(UNNAMED);
        }
        let file = wire::File {
            file_data: Some(url(&document.source)),
            filename: filename.map(Into::into),
            rest: rest(own, DIALECT),
        };
        wire::Part { file: Some(file), ..part }
    }

    /// A document of plain text has no part of its own here; its text has.
    fn text_document<'a>(&mut self, at: Path<'_>, document: &Document, text: &'a str) -> wire::Part<'a> {
        self.losses.changed(at, "its text goes on as text");
        self.losses.extensions(at, &document.extras.extensions);
        self.losses.extensions(at.field("source"), document.source.extensions());
        for (field, value) in [("title", &document.title), ("context", &document.context)] {
            if value.is_some() {
                self.losses.dropped(at.field(field), "");
            }
        }
        if document.extras.cache_control.is_some() {
            self.losses.dropped(at.field("cacheControl"), "");
        }
        text_part(text.into())
    }
}

/// A plain text.
pub(super) fn text_part(text: RawText<'_>) -> wire::Part<'_> {
    wire::Part { kind: Some("text".into()), text: Some(text), ..wire::Part::default() }
}

fn url(source: &Source) -> Text<'_> {
    match source {
        Source::Url { data, .. } => data.as_str().into(),
        Source::Base64 { media_type, data, .. } | Source::Text { media_type, data, .. } => {
            format!("data:{media_type};base64,{data}").into()
        }
    }
}
