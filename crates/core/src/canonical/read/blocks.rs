//! Messages and blocks.

use super::object::Object;
use super::values::extras;
use super::{FromJson, Path, ReadError};
use crate::canonical::{
    CanonicalMessage, Content, ContentBlock, Document, Image, Opaque, Source, SystemBlock, SystemPrompt,
    Text, Thinking, ToolResult, ToolUse,
};
use crate::{Json, JsonText};

impl FromJson for CanonicalMessage {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let message = Self {
            role: object.required("role", "`user`, `assistant` or `system`")?,
            content: object.required("content", "a string or an array of blocks")?,
            extensions: object.or_default("extensions")?,
        };
        object.finish()?;
        Ok(message)
    }
}

impl FromJson for Content {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        match JsonText::of(json.raw()) {
            Some(text) => Ok(Self::Text(text)),
            None => Vec::from_json(json, path).map(Self::Blocks),
        }
    }
}

impl FromJson for SystemPrompt {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        match JsonText::of(json.raw()) {
            Some(text) => Ok(Self::Text(text)),
            None => Vec::from_json(json, path).map(Self::Blocks),
        }
    }
}

impl FromJson for SystemBlock {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let kind: String = object.required("type", "`text`")?;
        if kind != "text" {
            return Err(object.problem("type", "expected `text`, found another word"));
        }
        let block = Self { text: object.required("text", "a string")?, extras: extras(&mut object)? };
        object.finish()?;
        Ok(block)
    }
}

/// The types of blocks, for errors.
const BLOCKS: &str = "`text`, `tool_use`, `tool_result`, `image`, `document`, `thinking` or `opaque`";

impl FromJson for ContentBlock {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let kind: String = object.required("type", BLOCKS)?;
        let block = match kind.as_str() {
            "text" => {
                Self::Text(Text { text: object.required("text", "a string")?, extras: extras(&mut object)? })
            }
            "tool_use" => Self::ToolUse(ToolUse {
                id: object.required("id", "a string")?,
                name: object.required("name", "a string")?,
                input: object.required("input", "an object")?,
                extras: extras(&mut object)?,
            }),
            "tool_result" => Self::ToolResult(ToolResult {
                tool_use_id: object.required("toolUseId", "a string")?,
                content: object.optional("content")?,
                is_error: object.optional("isError")?,
                extras: extras(&mut object)?,
            }),
            "image" => Self::Image(Image {
                source: object.required("source", "an object")?,
                extras: extras(&mut object)?,
            }),
            "document" => Self::Document(Document {
                source: object.required("source", "an object")?,
                title: object.optional("title")?,
                context: object.optional("context")?,
                extras: extras(&mut object)?,
            }),
            "thinking" => Self::Thinking(Thinking {
                text: object.or_default("text")?,
                signature: object.optional("signature")?,
                origin: object.required("origin", "an origin such as `anthropic_messages/anthropic`")?,
                extras: extras(&mut object)?,
            }),
            "opaque" => Self::Opaque(opaque(&mut object)?),
            _ => return Err(object.problem("type", format!("expected {BLOCKS}, found another word"))),
        };
        object.finish()?;
        Ok(block)
    }
}

pub(super) fn opaque(object: &mut Object<'_>) -> Result<Opaque, ReadError> {
    Ok(Opaque {
        dialect: object.required("dialect", "a dialect")?,
        value: object.required("value", "a value")?,
        origin: object.optional("origin")?,
    })
}

impl FromJson for Source {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let kind: String = object.required("type", "`base64`, `url` or `text`")?;
        let data = object.required("data", "a string")?;
        let media_type = object.optional("mediaType")?;
        let extensions = object.or_default("extensions")?;
        let required = |media_type: Option<String>| {
            media_type.ok_or_else(|| path.field("mediaType").problem("expected a string, found nothing"))
        };
        let source = match kind.as_str() {
            "base64" => Self::Base64 { media_type: required(media_type)?, data, extensions },
            "text" => Self::Text { media_type: required(media_type)?, data, extensions },
            // where it is says what it is
            "url" => Self::Url { data, extensions },
            _ => return Err(object.problem("type", "expected `base64`, `url` or `text`, found another word")),
        };
        object.finish()?;
        Ok(source)
    }
}
