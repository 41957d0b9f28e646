//! The parts of a message.

use penstock_core::Json;
use penstock_core::canonical::{BlockExtras, ContentBlock, Document, Extensions, Image, Source, Text};

use super::super::{DIALECT, wire};
use crate::object::{self, TextOr, block_only_here, extensions, extras};

/// Whether a part is of that kind, and has nothing of another.
pub(super) fn is(part: &wire::Part<'_>, kind: &str) -> bool {
    let others = [
        ("text", part.text.is_some()),
        ("refusal", part.refusal.is_some()),
        ("image_url", part.image_url.is_some()),
        ("file", part.file.is_some()),
    ];
    part.kind.as_deref() == Some(kind) && others.iter().all(|(field, there)| *field == kind || !there)
}

/// A part; one that is not what its type says stays as it was.
pub(in super::super) fn part(part: wire::Part<'_>) -> ContentBlock {
    match &part {
        wire::Part { text: Some(_), .. } if is(&part, "text") => text_part(part),
        wire::Part { refusal: Some(_), .. } if is(&part, "refusal") => refusal_part(part),
        wire::Part { image_url: Some(TextOr::Other(wire::ImageUrl { url: Some(_), .. })), .. }
            if is(&part, "image_url") =>
        {
            image_part(part)
        }
        wire::Part { file: Some(wire::File { file_data: Some(data), .. }), .. }
            if is(&part, "file") && data_uri(data).is_some() =>
        {
            file_part(part)
        }
        _ => block_only_here(DIALECT, &part),
    }
}

fn text_part(part: wire::Part<'_>) -> ContentBlock {
    let text = part.text.map(object::RawText::into_owned).unwrap_or_default();
    ContentBlock::Text(Text { text, extras: extras(DIALECT, part.cache_control, part.rest) })
}

fn refusal_part(part: wire::Part<'_>) -> ContentBlock {
    let text = part.refusal.map(object::Text::into_owned).unwrap_or_default().into();
    let mut extras = extras(DIALECT, part.cache_control, part.rest);
    extras.extensions.set(DIALECT, "~refusal", Json::of("part"));
    ContentBlock::Text(Text { text, extras })
}

/// The refusal that stands in a field of its message.
pub(in super::super) fn refusal(text: String) -> ContentBlock {
    let mut extras = BlockExtras::default();
    extras.extensions.set(DIALECT, "~refusal", Json::of("field"));
    ContentBlock::Text(Text { text: text.into(), extras })
}

fn image_part(part: wire::Part<'_>) -> ContentBlock {
    let (url, rest) = match part.image_url {
        Some(TextOr::Other(image)) => (image.url.unwrap_or_default(), image.rest),
        _ => Default::default(),
    };
    let source = source(&url, extensions(DIALECT, rest));
    ContentBlock::Image(Image { source, extras: extras(DIALECT, part.cache_control, part.rest) })
}

fn file_part(part: wire::Part<'_>) -> ContentBlock {
    let file = part.file.unwrap_or_default();
    let mut own = extensions(DIALECT, file.rest);
    if file.filename.is_none() {
        own.set(DIALECT, "~filename", Json::of("absent"));
    }
    let source = source(&file.file_data.unwrap_or_default(), own);
    let title = file.filename.map(object::Text::into_owned);
    let extras = extras(DIALECT, part.cache_control, part.rest);
    ContentBlock::Document(Document { source, title, context: None, extras })
}

fn source(url: &str, extensions: Extensions) -> Source {
    match data_uri(url) {
        Some((media_type, data)) => {
            Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned(), extensions }
        }
        None => Source::Url { data: url.to_owned(), extensions },
    }
}

/// Media type and base64 of a `data:` URL.
fn data_uri(url: &str) -> Option<(&str, &str)> {
    let (media_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    (media_type.contains('/') && !media_type.contains(',')).then_some((media_type, data))
}
