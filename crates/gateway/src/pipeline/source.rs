//! The bytes that modules' requests and answers are decoded from.

use std::sync::Arc;

use bytes::Bytes;
use penstock_core::Dialect;
use penstock_core::canonical::{CanonicalRequest, CanonicalResponse, Fold, Origin};
use penstock_dialects::codec::codec;
use penstock_dialects::sse::{Splitter, events};
use penstock_pipeline::{OutputBound, Request, RequestSource, ResponseSource};

use crate::exchange::Exchange;

/// The request of `exchange` for modules.
pub(super) fn request(exchange: &Exchange) -> Request {
    let request = &exchange.request;
    let source = Body {
        dialect: request.dialect,
        bytes: request.body.clone(),
        estimated_input: exchange.envelope.estimated_input,
        output: OutputBound { tokens: exchange.envelope.max_output, choices: exchange.envelope.choices },
    };
    let action = request.path_model.as_ref().map(|path| path.action.as_str());
    let stream = exchange.envelope.stream || action == Some("streamGenerateContent");
    Request::new(exchange.requested.as_str(), stream, Arc::new(source))
}

#[derive(Debug)]
struct Body {
    dialect: Dialect,
    bytes: Bytes,
    estimated_input: u64,
    output: OutputBound,
}

impl RequestSource for Body {
    fn decode(&self) -> Result<CanonicalRequest, String> {
        let codec = codec(self.dialect).ok_or_else(|| unread(self.dialect))?;
        codec.decode_request(&self.bytes).map_err(|error| error.to_string())
    }

    fn estimated_input(&self) -> u64 {
        self.estimated_input
    }

    fn output_bound(&self) -> OutputBound {
        self.output
    }
}

fn unread(dialect: Dialect) -> String {
    format!("this version does not read the content of {dialect}")
}

/// More than this is not kept for modules that read an answer after it.
const KEPT: usize = 64 << 20;

/// An answer's bytes as they came from the provider, kept for modules that read it after its end.
#[derive(Debug)]
pub(crate) struct Recorded {
    dialect: Dialect,
    pieces: Vec<Bytes>,
    length: usize,
    is_stream: bool,
    is_readable: bool,
}

impl Recorded {
    /// Nothing yet of an answer in `dialect`.
    pub(crate) const fn new(dialect: Dialect, is_stream: bool, is_readable: bool) -> Self {
        Self { dialect, pieces: Vec::new(), length: 0, is_stream, is_readable }
    }

    /// Keeps what arrived, without copying it.
    pub(crate) fn push(&mut self, piece: &Bytes) {
        self.length += piece.len();
        if self.is_readable && self.length <= KEPT {
            self.pieces.push(piece.clone());
        }
    }

    fn document(&self, origin: &Origin) -> Result<CanonicalResponse, String> {
        let codec = codec(self.dialect).ok_or_else(|| unread(self.dialect))?;
        codec.decode_response(&self.pieces.concat(), origin).map_err(|error| error.to_string())
    }

    /// The answer of a stream, as far as it has come.
    fn stream(&self, origin: Origin) -> Result<CanonicalResponse, String> {
        let codec = codec(self.dialect).ok_or_else(|| unread(self.dialect))?;
        let (mut decoder, mut splitter) = (codec.stream_decoder(origin), Splitter::default());
        let (mut fold, mut chunks) = (Fold::default(), Vec::new());
        let blocks = self.pieces.iter().filter_map(|piece| splitter.push(piece)).collect::<Vec<_>>();
        for block in blocks.into_iter().chain(splitter.rest()) {
            for event in events(&block.bytes) {
                let read = decoder.event(event.name, &event.data, &mut chunks);
                let folded = chunks.drain(..).try_for_each(|chunk| fold.push(chunk));
                if read.is_err() || folded.is_err() {
                    // what came before it is still what its client got
                    return Ok(fold.so_far());
                }
            }
        }
        // a stream that stopped before its end has no end to read
        drop(decoder.finish(&mut chunks));
        chunks.drain(..).try_for_each(|chunk| fold.push(chunk)).ok();
        Ok(fold.so_far())
    }
}

impl ResponseSource for Recorded {
    fn decode(&self) -> Result<CanonicalResponse, String> {
        if !self.is_readable {
            return Err("the answer is compressed, and is not read".to_owned());
        }
        if self.length > KEPT {
            return Err(format!("the answer is longer than {KEPT} bytes, and was not kept"));
        }
        let origin = Origin::of(self.dialect);
        if self.is_stream { self.stream(origin) } else { self.document(&origin) }
    }
}
