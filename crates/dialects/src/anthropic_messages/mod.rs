//! Anthropic Messages. <https://docs.anthropic.com/en/api/messages>

mod decode;
mod encode;
pub(crate) mod errors;
pub(crate) mod stream;
pub(crate) mod wire;

use penstock_core::Dialect;
use penstock_core::canonical::{CanonicalRequest, CanonicalResponse, Origin};

use crate::codec::{
    Client, Codec, DecodeError, EncodeError, Encoded, ErrorReport, StreamDecoder, StreamEncoder, Target,
};

const DIALECT: Dialect = Dialect::AnthropicMessages;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnthropicMessages;

impl Codec for AnthropicMessages {
    fn decode_request(&self, body: &[u8]) -> Result<CanonicalRequest, DecodeError> {
        decode::request(body)
    }

    fn encode_request(
        &self,
        request: &CanonicalRequest,
        target: &Target<'_>,
    ) -> Result<Encoded, EncodeError> {
        encode::request(request, target)
    }

    fn decode_response(&self, body: &[u8], origin: &Origin) -> Result<CanonicalResponse, DecodeError> {
        decode::response(body, origin)
    }

    fn encode_response(&self, response: &CanonicalResponse, _client: &Client) -> Encoded {
        encode::response(response)
    }

    fn stream_decoder(&self, origin: Origin) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new(origin))
    }

    fn stream_encoder(&self, _client: &Client) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new())
    }

    fn decode_error(&self, body: &[u8]) -> Option<ErrorReport> {
        errors::read(body)
    }
}
