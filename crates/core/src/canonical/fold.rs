//! A stream put together again.

use std::collections::BTreeMap;

use super::{CanonicalChunk, CanonicalResponse, ContentBlock, Delta, Order, OrderError};
use crate::Json;

/// Puts a stream together. It is as strict as [`Order`], so that it also verifies.
#[derive(Debug, Default)]
pub struct Fold {
    order: Order,
    response: CanonicalResponse,
    /// What has come for the blocks that are open: their text, or the JSON text of their input. It is put
    /// into them when they end.
    pieces: BTreeMap<usize, String>,
}

impl Fold {
    /// Takes the next piece.
    pub fn push(&mut self, chunk: CanonicalChunk) -> Result<(), OrderError> {
        self.order.take(&chunk)?;
        let response = &mut self.response;
        match chunk {
            CanonicalChunk::MessageStart { message } => *response = *message,
            CanonicalChunk::ContentBlockStart { content_block, .. } => response.content.push(content_block),
            CanonicalChunk::ContentBlockDelta {
                index,
                delta: Delta::InputJsonDelta { partial_json: piece } | Delta::TextDelta { text: piece },
            } => self.pieces.entry(index).or_default().push_str(&piece),
            CanonicalChunk::ContentBlockDelta { index, delta } => add(&mut response.content[index], delta),
            CanonicalChunk::ContentBlockStop { index } => {
                if let Some(whole) = self.pieces.remove(&index).filter(|whole| !whole.is_empty()) {
                    complete(&mut response.content[index], &whole);
                }
            }
            CanonicalChunk::MessageDelta { delta, usage } => response.update(delta, usage),
            CanonicalChunk::MessageStop | CanonicalChunk::Opaque(_) => {}
        }
        Ok(())
    }

    /// The answer as far as it has come.
    pub fn so_far(&self) -> CanonicalResponse {
        let mut response = self.response.clone();
        for (index, piece) in &self.pieces {
            complete(&mut response.content[*index], piece);
        }
        response
    }

    /// The whole answer, once the stream has ended.
    pub fn finish(self) -> Result<CanonicalResponse, OrderError> {
        if self.order.is_stopped() { Ok(self.response) } else { Err(OrderError::NoStop) }
    }
}

/// Adds a piece to a block, which can take it.
fn add(block: &mut ContentBlock, delta: Delta) {
    match (delta, block) {
        (Delta::ThinkingDelta { text }, ContentBlock::Thinking(block)) => block.text.push_str(&text),
        (Delta::SignatureDelta { signature }, ContentBlock::Thinking(block)) => {
            block.signature.get_or_insert_default().push_str(&signature);
        }
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
        (
            Delta::TextDelta { .. }
            | Delta::ThinkingDelta { .. }
            | Delta::SignatureDelta { .. }
            | Delta::InputJsonDelta { .. },
            _,
        ) => {}
    }
}

/// Puts what has come into a block that has ended. For an input a model may write something that is no JSON;
/// it is kept as the text it is.
fn complete(block: &mut ContentBlock, whole: &str) {
    let json = || Json::parse(whole).unwrap_or_else(|| Json::of(whole));
    match block {
        ContentBlock::Text(block) => block.text.push_str(whole),
        ContentBlock::ToolUse(block) => block.input = json(),
        ContentBlock::Opaque(block) => block.value.accumulate(Json::object(&[("input", json())]), &[]),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
