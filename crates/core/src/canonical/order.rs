//! The order in which the pieces of a stream come.

use std::collections::BTreeMap;

use super::{CanonicalChunk, ContentBlock, Delta};

/// What is wrong with a stream whose pieces do not follow each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A piece came before `message_start`, or a second `message_start`.
    #[error("a stream must begin with exactly one message_start")]
    Start,
    /// The start has content, which belongs into blocks.
    #[error("message_start has content already")]
    Content,
    /// A block does not begin at the next index.
    #[error("block {found} begins where block {expected} was due")]
    Index {
        /// The next index.
        expected: usize,
        /// The one that came.
        found: usize,
    },
    /// A piece is for a block that is not open.
    #[error("block {0} is not open")]
    NotOpen(usize),
    /// A piece does not fit its block.
    #[error("block {index} cannot take a {delta}")]
    Unfit {
        /// The block.
        index: usize,
        /// The piece.
        delta: &'static str,
    },
    /// Blocks are still open at the end.
    #[error("block {0} is still open at the end")]
    StillOpen(usize),
    /// Something follows the end.
    #[error("something follows message_stop")]
    AfterStop,
    /// The stream has no end.
    #[error("the stream has no message_stop")]
    NoStop,
}

/// What a block can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Text,
    Thought,
    Input,
    /// Anything that one dialect knows, and input.
    Opaque,
    /// Only what one dialect knows.
    Nothing,
}

/// Checks that the pieces of a stream follow each other as [`CanonicalChunk`] says, without keeping them.
#[derive(Debug, Default)]
pub struct Order {
    begun: bool,
    stopped: bool,
    /// How many blocks have begun.
    blocks: usize,
    open: BTreeMap<usize, Takes>,
}

impl Order {
    /// Takes the next piece.
    pub fn take(&mut self, chunk: &CanonicalChunk) -> Result<(), OrderError> {
        if self.stopped {
            return Err(OrderError::AfterStop);
        }
        match chunk {
            CanonicalChunk::Opaque(_) => {}
            CanonicalChunk::MessageStart { message } if !self.begun => {
                if !message.content.is_empty() {
                    return Err(OrderError::Content);
                }
                self.begun = true;
            }
            CanonicalChunk::MessageStart { .. } => return Err(OrderError::Start),
            _ if !self.begun => return Err(OrderError::Start),
            CanonicalChunk::ContentBlockStart { index, content_block } => {
                if *index != self.blocks {
                    return Err(OrderError::Index { expected: self.blocks, found: *index });
                }
                self.blocks += 1;
                self.open.insert(*index, takes(content_block));
            }
            CanonicalChunk::ContentBlockDelta { index, delta } => {
                let takes = *self.open.get(index).ok_or(OrderError::NotOpen(*index))?;
                fits(takes, delta).map_err(|delta| OrderError::Unfit { index: *index, delta })?;
            }
            CanonicalChunk::ContentBlockStop { index } => {
                self.open.remove(index).ok_or(OrderError::NotOpen(*index))?;
            }
            CanonicalChunk::MessageDelta { .. } => {}
            CanonicalChunk::MessageStop => {
                if let Some(index) = self.open.keys().next() {
                    return Err(OrderError::StillOpen(*index));
                }
                self.stopped = true;
            }
        }
        Ok(())
    }

    /// Whether the stream has ended.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }
}

const fn takes(block: &ContentBlock) -> Takes {
    match block {
        ContentBlock::Text(_) => Takes::Text,
        ContentBlock::Thinking(_) => Takes::Thought,
        ContentBlock::ToolUse(_) => Takes::Input,
        ContentBlock::Opaque(_) => Takes::Opaque,
        ContentBlock::ToolResult(_) | ContentBlock::Image(_) | ContentBlock::Document(_) => Takes::Nothing,
    }
}

/// Whether a block that takes this can take `delta`, by whose name the error is.
const fn fits(takes: Takes, delta: &Delta) -> Result<(), &'static str> {
    match (delta, takes) {
        (Delta::TextDelta { .. }, Takes::Text)
        | (Delta::ThinkingDelta { .. } | Delta::SignatureDelta { .. }, Takes::Thought)
        | (Delta::InputJsonDelta { .. }, Takes::Input | Takes::Opaque)
        | (Delta::ExtensionsDelta { .. }, _) => Ok(()),
        (Delta::TextDelta { .. }, _) => Err("text_delta"),
        (Delta::ThinkingDelta { .. }, _) => Err("thinking_delta"),
        (Delta::SignatureDelta { .. }, _) => Err("signature_delta"),
        (Delta::InputJsonDelta { .. }, _) => Err("input_json_delta"),
    }
}
