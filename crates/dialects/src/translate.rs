//! A stream on its way from one dialect to another: bytes in, bytes out.

use bytes::{Bytes, BytesMut};
use penstock_core::canonical::{CanonicalChunk, Order};

use crate::codec::{DecodeError, StreamDecoder, StreamEncoder, StreamError};
use crate::loss::Loss;
use crate::sse::{Splitter, events};

/// Translates a stream. What is ready goes on at once, together with what is ready beside it.
pub struct StreamTranslator {
    splitter: Splitter,
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    chunks: Vec<CanonicalChunk>,
    order: Order,
}

impl std::fmt::Debug for StreamTranslator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamTranslator").field("order", &self.order).finish_non_exhaustive()
    }
}

impl StreamTranslator {
    /// A translation by these two.
    pub fn new(decoder: Box<dyn StreamDecoder>, encoder: Box<dyn StreamEncoder>) -> Self {
        let (splitter, chunks, order) = (Splitter::default(), Vec::new(), Order::default());
        Self { splitter, decoder, encoder, chunks, order }
    }

    /// Takes what arrived; what can go on is appended to `out`, also when there is an error.
    pub fn push(&mut self, bytes: &Bytes, out: &mut BytesMut) -> Result<(), StreamError> {
        match self.splitter.push(bytes) {
            Some(block) => self.block(&block.bytes, out),
            None => Ok(()),
        }
    }

    /// The provider has closed the stream.
    pub fn finish(&mut self, out: &mut BytesMut) -> Result<(), StreamError> {
        if let Some(block) = self.splitter.rest() {
            self.block(&block.bytes, out)?;
        }
        let finished = self.decoder.finish(&mut self.chunks);
        self.pass(out)?;
        finished
    }

    /// Whether the answer is complete.
    pub const fn is_stopped(&self) -> bool {
        self.order.is_stopped()
    }

    /// What could not be carried since the last time.
    pub fn take_losses(&mut self) -> Vec<Loss> {
        self.encoder.take_losses()
    }

    /// Takes whole events, like [`Self::push`].
    pub fn block(&mut self, block: &[u8], out: &mut BytesMut) -> Result<(), StreamError> {
        for event in events(block) {
            let taken = self.decoder.event(event.name, &event.data, &mut self.chunks);
            self.pass(out)?;
            taken?;
        }
        Ok(())
    }

    /// Reads whole events, for somebody who looks at their pieces before [`Self::write`] has them; what could be
    /// read is in `chunks`, also when there is an error.
    pub fn read(&mut self, block: &[u8], chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        for event in events(block) {
            let taken = self.decoder.event(event.name, &event.data, &mut self.chunks);
            self.hand_on(chunks)?;
            taken?;
        }
        Ok(())
    }

    /// The provider has closed the stream; like [`Self::read`].
    pub fn read_end(&mut self, chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        let finished = self.decoder.finish(&mut self.chunks);
        self.hand_on(chunks)?;
        finished
    }

    /// Writes pieces that [`Self::read`] gave.
    pub fn write(&mut self, chunks: &[CanonicalChunk], out: &mut BytesMut) {
        for chunk in chunks {
            self.encoder.chunk(chunk, out);
        }
    }

    fn hand_on(&mut self, chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        for chunk in self.chunks.drain(..) {
            in_order(&mut self.order, &chunk)?;
            chunks.push(chunk);
        }
        Ok(())
    }

    /// Writes what was read.
    fn pass(&mut self, out: &mut BytesMut) -> Result<(), StreamError> {
        for chunk in self.chunks.drain(..) {
            in_order(&mut self.order, &chunk)?;
            self.encoder.chunk(&chunk, out);
        }
        Ok(())
    }
}

/// Pieces that do not follow each other would come out as nonsense, or as an answer that looks whole and is not.
fn in_order(order: &mut Order, chunk: &CanonicalChunk) -> Result<(), StreamError> {
    order.take(chunk).map_err(|error| DecodeError::new("", error.to_string()).into())
}
