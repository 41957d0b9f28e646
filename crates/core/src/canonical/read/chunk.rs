//! Pieces of streams.

use super::blocks::opaque;
use super::object::Object;
use super::{FromJson, Path, ReadError};
use crate::Json;
use crate::canonical::{CanonicalChunk, Delta, MessageDelta};

/// The types of chunks, for errors.
const CHUNKS: &str = "`message_start`, `content_block_start`, `content_block_delta`, `content_block_stop`, \
     `message_delta`, `message_stop` or `opaque`";
/// The types of deltas, for errors.
const DELTAS: &str =
    "`text_delta`, `input_json_delta`, `thinking_delta`, `signature_delta` or `extensions_delta`";

impl FromJson for CanonicalChunk {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let kind: String = object.required("type", CHUNKS)?;
        let chunk = match kind.as_str() {
            "message_start" => Self::MessageStart { message: object.required("message", "an object")? },
            "content_block_start" => Self::ContentBlockStart {
                index: object.required("index", "a number")?,
                content_block: object.required("contentBlock", "an object")?,
            },
            "content_block_delta" => Self::ContentBlockDelta {
                index: object.required("index", "a number")?,
                delta: object.required("delta", "an object")?,
            },
            "content_block_stop" => Self::ContentBlockStop { index: object.required("index", "a number")? },
            "message_delta" => Self::MessageDelta {
                delta: object.required("delta", "an object")?,
                usage: object.optional("usage")?,
            },
            "message_stop" => Self::MessageStop,
            "opaque" => Self::Opaque(opaque(&mut object)?),
            _ => return Err(object.problem("type", format!("expected {CHUNKS}, found another word"))),
        };
        object.finish()?;
        Ok(chunk)
    }
}

impl FromJson for Delta {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let kind: String = object.required("type", DELTAS)?;
        let delta = match kind.as_str() {
            "text_delta" => Self::TextDelta { text: object.required("text", "a string")? },
            "input_json_delta" => {
                Self::InputJsonDelta { partial_json: object.required("partialJson", "a string")? }
            }
            "thinking_delta" => Self::ThinkingDelta { text: object.required("text", "a string")? },
            "signature_delta" => {
                Self::SignatureDelta { signature: object.required("signature", "a string")? }
            }
            "extensions_delta" => Self::ExtensionsDelta { extensions: object.or_default("extensions")? },
            _ => return Err(object.problem("type", format!("expected {DELTAS}, found another word"))),
        };
        object.finish()?;
        Ok(delta)
    }
}

impl FromJson for MessageDelta {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let delta = Self {
            stop_reason: object.optional("stopReason")?,
            stop_sequence: object.optional("stopSequence")?,
            extensions: object.or_default("extensions")?,
        };
        object.finish()?;
        Ok(delta)
    }
}
