//! A stream put together again.

use std::collections::BTreeMap;

use super::{CanonicalChunk, CanonicalResponse, ContentBlock, Delta};
use crate::Json;

/// What is wrong with a stream that cannot be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A piece came before `message_start`, or a second `message_start`.
    #[error("a stream must begin with exactly one message_start")]
    Start,
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

/// Puts a stream together. It is as strict as [`CanonicalChunk`] says, so that it also verifies.
#[derive(Debug, Default)]
pub struct Fold {
    response: Option<CanonicalResponse>,
    /// The blocks that are open, with the JSON text that has come for them.
    open: BTreeMap<usize, String>,
    stopped: bool,
}

impl Fold {
    /// Takes the next piece.
    pub fn push(&mut self, chunk: CanonicalChunk) -> Result<(), FoldError> {
        if self.stopped {
            return Err(FoldError::AfterStop);
        }
        let response = match (chunk, &mut self.response) {
            (CanonicalChunk::MessageStart { message }, None) => {
                self.response = Some(*message);
                return Ok(());
            }
            (CanonicalChunk::Opaque(_), _) => return Ok(()),
            (CanonicalChunk::MessageStart { .. }, Some(_)) | (_, None) => return Err(FoldError::Start),
            (chunk, Some(response)) => (chunk, response),
        };
        match response {
            (CanonicalChunk::ContentBlockStart { index, content_block }, response) => {
                if index != response.content.len() {
                    return Err(FoldError::Index { expected: response.content.len(), found: index });
                }
                response.content.push(content_block);
                self.open.insert(index, String::new());
            }
            (CanonicalChunk::ContentBlockDelta { index, delta }, response) => {
                let json = self.open.get_mut(&index).ok_or(FoldError::NotOpen(index))?;
                add(&mut response.content[index], json, index, delta)?;
            }
            (CanonicalChunk::ContentBlockStop { index }, response) => {
                let json = self.open.remove(&index).ok_or(FoldError::NotOpen(index))?;
                if !json.is_empty() {
                    set_input(&mut response.content[index], &json);
                }
            }
            (CanonicalChunk::MessageDelta { delta, usage }, response) => {
                response.stop_reason = delta.stop_reason.or(response.stop_reason);
                response.stop_sequence = delta.stop_sequence.or(response.stop_sequence.take());
                response.extensions.accumulate(delta.extensions);
                match (&mut response.usage, usage) {
                    (Some(known), Some(later)) => known.update(later),
                    (known, later) => *known = known.take().or(later),
                }
            }
            (CanonicalChunk::MessageStop, _) => {
                if let Some(index) = self.open.keys().next() {
                    return Err(FoldError::StillOpen(*index));
                }
                self.stopped = true;
            }
            (CanonicalChunk::MessageStart { .. } | CanonicalChunk::Opaque(_), _) => {}
        }
        Ok(())
    }

    /// The whole answer, once the stream has ended.
    pub fn finish(self) -> Result<CanonicalResponse, FoldError> {
        match self.response {
            Some(response) if self.stopped => Ok(response),
            _ => Err(FoldError::NoStop),
        }
    }

    /// The answer so far.
    pub const fn so_far(&self) -> Option<&CanonicalResponse> {
        self.response.as_ref()
    }
}

fn add(block: &mut ContentBlock, json: &mut String, index: usize, delta: Delta) -> Result<(), FoldError> {
    let unfit = |delta| Err(FoldError::Unfit { index, delta });
    match (delta, block) {
        (Delta::TextDelta { text }, ContentBlock::Text(block)) => block.text.push_str(&text),
        (Delta::TextDelta { .. }, _) => return unfit("text_delta"),
        (Delta::ThinkingDelta { text }, ContentBlock::Thinking(block)) => block.text.push_str(&text),
        (Delta::ThinkingDelta { .. }, _) => return unfit("thinking_delta"),
        (Delta::SignatureDelta { signature }, ContentBlock::Thinking(block)) => {
            block.signature.get_or_insert_default().push_str(&signature);
        }
        (Delta::SignatureDelta { .. }, _) => return unfit("signature_delta"),
        (Delta::InputJsonDelta { partial_json }, ContentBlock::ToolUse(_) | ContentBlock::Opaque(_)) => {
            json.push_str(&partial_json);
        }
        (Delta::InputJsonDelta { .. }, _) => return unfit("input_json_delta"),
        (Delta::ExtensionsDelta { extensions }, ContentBlock::Opaque(block)) => {
            let fields: Vec<_> = extensions
                .iter()
                .filter(|(dialect, _, _)| *dialect == block.dialect)
                .map(|(_, name, value)| (name, value.clone()))
                .collect();
            block.value.accumulate(Json::object(&fields), &[]);
        }
        (Delta::ExtensionsDelta { extensions }, block) => {
            if let Some(extras) = block.extras_mut() {
                extras.extensions.accumulate(extensions);
            }
        }
    }
    Ok(())
}

/// A model may write something that is no JSON; it is kept as the text it is.
fn set_input(block: &mut ContentBlock, json: &str) {
    let value = Json::parse(json).unwrap_or_else(|| Json::of(json));
    match block {
        ContentBlock::ToolUse(block) => block.input = value,
        ContentBlock::Opaque(block) => block.value.accumulate(Json::object(&[("input", value)]), &[]),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
