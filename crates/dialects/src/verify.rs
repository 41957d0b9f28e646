//! Reads a stream as its client will, and says what is wrong with it.
//!
//! Tests verify every stream that is written, and the gateway a sample of them. A stream is sound if its
//! own dialect's decoder reads it, blocks start and stop in order under rising indices, every tool's
//! input is JSON, and it has exactly one end, behind which nothing stands.

use bytes::Bytes;
use penstock_core::Dialect;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, ContentBlock, Fold, OrderError, Origin};

use crate::codec::{StreamDecoder, StreamError, codec};
use crate::observe::Observer;
use crate::sse::{Splitter, events};

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// An event that is none.
    #[error(transparent)]
    Event(#[from] StreamError),
    /// Events that do not follow each other.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A tool's input that is no JSON.
    #[error("the input of block {0} is no JSON object")]
    Input(usize),
}

/// Reads one stream.
pub struct Verifier {
    splitter: Splitter,
    decoder: Box<dyn StreamDecoder>,
    /// Knows the last event of a dialect, without which decoders can do.
    observer: Observer,
    fold: Fold,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("fold", &self.fold).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier for a stream of `dialect`; `None` if the dialect takes no part in translation.
    pub fn new(dialect: Dialect) -> Option<Self> {
        let decoder = codec(dialect)?.stream_decoder(Origin::of(dialect));
        let (splitter, observer) = (Splitter::default(), Observer::new(dialect));
        Some(Self { splitter, decoder, observer, fold: Fold::default() })
    }

    /// Takes what was written.
    pub fn push(&mut self, bytes: &Bytes) -> Result<(), Violation> {
        let Some(block) = self.splitter.push(bytes) else { return Ok(()) };
        let mut chunks = Vec::new();
        for event in events(&block.bytes) {
            if self.observer.observed().terminal {
                return Err(OrderError::AfterStop.into());
            }
            self.observer.event(&event);
            self.decoder.event(event.name, &event.data, &mut chunks)?;
        }
        self.take(chunks)
    }

    /// The stream has ended: the whole answer, if it is sound.
    pub fn finish(mut self) -> Result<CanonicalResponse, Violation> {
        let mut chunks = Vec::new();
        self.decoder.finish(&mut chunks)?;
        self.take(chunks)?;
        if !self.observer.observed().terminal {
            return Err(OrderError::NoStop.into());
        }
        let response = self.fold.finish()?;
        for (index, block) in response.content.iter().enumerate() {
            if matches!(block, ContentBlock::ToolUse(tool) if !tool.input.is_object()) {
                return Err(Violation::Input(index));
            }
        }
        Ok(response)
    }

    fn take(&mut self, chunks: Vec<CanonicalChunk>) -> Result<(), Violation> {
        Ok(chunks.into_iter().try_for_each(|chunk| self.fold.push(chunk))?)
    }
}
