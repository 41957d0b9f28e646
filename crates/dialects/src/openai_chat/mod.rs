//! OpenAI Chat Completions, and the embeddings of the same API.
//! <https://platform.openai.com/docs/api-reference/chat>

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

pub use stream::strip_usage;
pub use wire::ask_for_usage;

const DIALECT: Dialect = Dialect::OpenaiChat;

/// The codec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenaiChat;

impl Codec for OpenaiChat {
    fn decode_request(&self, body: &[u8]) -> Result<CanonicalRequest, DecodeError> {
        decode::request(body)
    }

    fn encode_request(
        &self,
        request: &CanonicalRequest,
        target: &Target<'_>,
    ) -> Result<Encoded, EncodeError> {
        Ok(encode::request(request, target))
    }

    fn wants_stream_usage(&self, request: &CanonicalRequest) -> bool {
        let options = request.extensions.get(DIALECT, "stream_options");
        let asked = options.and_then(|options| options.get("include_usage"));
        asked.is_some_and(|asked| asked.text() == "true")
    }

    fn decode_response(&self, body: &[u8], origin: &Origin) -> Result<CanonicalResponse, DecodeError> {
        decode::response(body, origin)
    }

    fn encode_response(&self, response: &CanonicalResponse, client: &Client) -> Encoded {
        encode::response(response, client)
    }

    fn stream_decoder(&self, origin: Origin) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new(origin))
    }

    fn stream_encoder(&self, client: &Client) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(client.clone()))
    }

    fn decode_error(&self, body: &[u8]) -> Option<ErrorReport> {
        errors::read(body)
    }
}
