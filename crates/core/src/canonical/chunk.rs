//! A stream, piece by piece.

use serde::Serialize;

use super::{CanonicalResponse, CanonicalUsage, ContentBlock, Extensions, Opaque, StopReason};

/// One piece of a streamed answer.
///
/// A stream is one `message_start`, then blocks — each started, continued and stopped under its index,
/// indices counting up from 0 — then `message_delta`s, then one `message_stop`. Blocks may overlap:
/// some providers write several tool calls at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CanonicalChunk {
    /// The answer begins; it has no content yet.
    MessageStart {
        /// The answer so far.
        message: Box<CanonicalResponse>,
    },
    /// A block begins.
    ContentBlockStart {
        /// Its place.
        index: usize,
        /// The block so far.
        #[serde(rename = "contentBlock")]
        content_block: ContentBlock,
    },
    /// A block goes on.
    ContentBlockDelta {
        /// Its place.
        index: usize,
        /// What is added.
        delta: Delta,
    },
    /// A block is complete.
    ContentBlockStop {
        /// Its place.
        index: usize,
    },
    /// Something about the whole answer.
    MessageDelta {
        /// What is new.
        delta: MessageDelta,
        /// What was consumed so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<CanonicalUsage>,
    },
    /// The answer is complete.
    MessageStop,
    /// An event only one dialect knows.
    Opaque(Opaque),
}

/// What is added to a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Delta {
    /// Text.
    TextDelta {
        /// The text.
        text: String,
    },
    /// A piece of the JSON text of a tool's input.
    #[serde(rename_all = "camelCase")]
    InputJsonDelta {
        /// The piece.
        partial_json: String,
    },
    /// A piece of a thought.
    ThinkingDelta {
        /// The piece.
        text: String,
    },
    /// The signature of a thought.
    SignatureDelta {
        /// The signature.
        signature: String,
    },
    /// What only one dialect knows; it accumulates in the block's extensions.
    ExtensionsDelta {
        /// What is added.
        extensions: Extensions,
    },
}

/// What is new about an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDelta {
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
    /// The text at which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_sequence: Option<String>,
    /// What only one dialect knows; it accumulates in the answer's extensions.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}
