//! A stream on its way from one dialect to another: bytes in, bytes out.

use bytes::{Bytes, BytesMut};
use penstock_core::canonical::CanonicalChunk;

use crate::codec::{StreamDecoder, StreamEncoder, StreamError};
use crate::loss::Loss;
use crate::sse::{Splitter, events};

/// Translates a stream. What is ready goes on at once, together with what is ready beside it.
pub struct StreamTranslator {
    splitter: Splitter,
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    chunks: Vec<CanonicalChunk>,
    stopped: bool,
}

impl std::fmt::Debug for StreamTranslator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamTranslator").field("stopped", &self.stopped).finish_non_exhaustive()
    }
}

impl StreamTranslator {
    /// A translation by these two.
    pub fn new(decoder: Box<dyn StreamDecoder>, encoder: Box<dyn StreamEncoder>) -> Self {
        let (splitter, chunks) = (Splitter::default(), Vec::new());
        Self { splitter, decoder, encoder, chunks, stopped: false }
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
        self.write(out);
        finished
    }

    /// Whether the answer is complete.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What could not be carried since the last time.
    pub fn take_losses(&mut self) -> Vec<Loss> {
        self.encoder.take_losses()
    }

    /// Takes whole events, like [`Self::push`].
    pub fn block(&mut self, block: &[u8], out: &mut BytesMut) -> Result<(), StreamError> {
        for event in events(block) {
            let taken = self.decoder.event(event.name, &event.data, &mut self.chunks);
            self.write(out);
            taken?;
        }
        Ok(())
    }

    fn write(&mut self, out: &mut BytesMut) {
        for chunk in self.chunks.drain(..) {
            self.stopped |= chunk == CanonicalChunk::MessageStop;
            self.encoder.chunk(&chunk, out);
        }
    }
}
