//! What a dialect must be able to do to take part in translation.
//!
//! A dialect translates to the canonical form and from it, never to another dialect: with a third one
//! come a third folder and a line in [`codec`].

use bytes::{BufMut as _, Bytes, BytesMut};
use penstock_core::Dialect;
use penstock_core::canonical::{CanonicalChunk, CanonicalRequest, CanonicalResponse, Origin};

use crate::anthropic_messages::AnthropicMessages;
use crate::loss::Loss;
use crate::openai_chat::OpenaiChat;

/// The codec of `dialect`, if it takes part in translation.
pub fn codec(dialect: Dialect) -> Option<&'static dyn Codec> {
    match dialect {
        Dialect::OpenaiChat => Some(&OpenaiChat),
        Dialect::AnthropicMessages => Some(&AnthropicMessages),
        Dialect::OpenaiResponses | Dialect::Gemini => None,
    }
}

/// Reads and writes one dialect.
pub trait Codec: Sync {
    /// Reads a request.
    fn decode_request(&self, body: &[u8]) -> Result<CanonicalRequest, DecodeError>;

    /// Writes a request for `target`.
    fn encode_request(&self, request: &CanonicalRequest, target: &Target<'_>)
    -> Result<Encoded, EncodeError>;

    /// Whether the client of `request` asked for usage in the stream, where a dialect makes that a choice.
    fn wants_stream_usage(&self, request: &CanonicalRequest) -> bool {
        let _ = request;
        true
    }

    /// Reads an answer of `origin`.
    fn decode_response(&self, body: &[u8], origin: &Origin) -> Result<CanonicalResponse, DecodeError>;

    /// Writes an answer for a client.
    fn encode_response(&self, response: &CanonicalResponse, client: &Client) -> Encoded;

    /// Reads a streamed answer of `origin`.
    fn stream_decoder(&self, origin: Origin) -> Box<dyn StreamDecoder>;

    /// Writes a streamed answer for a client.
    fn stream_encoder(&self, client: &Client) -> Box<dyn StreamEncoder>;

    /// What an error's body says.
    fn decode_error(&self, body: &[u8]) -> Option<ErrorReport>;
}

/// Whom a request is written for.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any may hold without the others"
)]
pub struct Target<'a> {
    /// The provider's name in the provider table.
    pub provider: &'a str,
    /// Its name of the model.
    pub model: &'a str,
    /// Bytes that the request has in the client's dialect, and about as many in this one; 0 if unknown.
    pub size: usize,
    /// The most that the model can put out, as the catalogue has it.
    pub max_output: Option<u64>,
    /// It has to be asked for usage in a stream.
    pub ask_for_usage: bool,
    /// It wants `max_completion_tokens`, the successor of `max_tokens`.
    pub max_completion_tokens: bool,
    /// The model is known not to reason, and refuses to be asked for it.
    pub no_reasoning: bool,
    /// The model decides itself how much to think, and refuses budgets.
    pub adaptive_thinking: bool,
    /// It understands Anthropic's `cache_control` although it speaks another dialect.
    pub cache_control: bool,
}

/// Whom an answer is written for.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Now, in seconds since 1970: some dialects date their answers.
    pub created: i64,
    /// It asked for usage in the stream, where a dialect makes that a choice.
    pub stream_usage: bool,
}

/// A body, and what it could not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The body.
    pub body: Bytes,
    /// What it could not carry.
    pub losses: Vec<Loss>,
}

/// A body that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct DecodeError {
    /// The field, as a JSON path: `messages[2].content`.
    pub path: String,
    /// What was expected and what came; never a value.
    pub problem: String,
}

impl DecodeError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    /// There is no codec for `dialect`.
    pub fn unsupported(dialect: Dialect) -> Self {
        Self::new("", format!("requests in {dialect} cannot be translated"))
    }

    pub(crate) fn missing(path: impl Into<String>, what: &str) -> Self {
        Self::new(path, format!("expected {what}, found nothing"))
    }
}

/// A request that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(pub String);

/// What a provider said of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// Its words.
    pub message: String,
    /// Its code or type.
    pub code: Option<String>,
    /// The field it blames.
    pub param: Option<String>,
}

/// Why a stream does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The provider reports an error in the middle of its answer.
    #[error("the provider reports: {}", .0.message)]
    Reported(ErrorReport),
    /// The provider sent what is no event of its dialect.
    #[error("an event cannot be read: {0}")]
    Malformed(DecodeError),
    /// The provider stopped before the end of its answer.
    #[error("the answer has no end")]
    Cut,
}

impl From<DecodeError> for StreamError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// Reads the events of a stream. It does no IO, and any split of the bytes gives the same.
pub trait StreamDecoder: Send {
    /// Takes the data of the next event, and its name if it has one.
    fn event(
        &mut self,
        name: Option<&[u8]>,
        data: &[u8],
        chunks: &mut Vec<CanonicalChunk>,
    ) -> Result<(), StreamError>;

    /// The provider has closed the stream.
    fn finish(&mut self, chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError>;
}

/// Writes the events of a stream.
pub trait StreamEncoder: Send {
    /// Writes the next piece, if the dialect has anything to say about it.
    fn chunk(&mut self, chunk: &CanonicalChunk, out: &mut BytesMut);

    /// What could not be carried so far.
    fn take_losses(&mut self) -> Vec<Loss>;
}

/// Reads a body; an error says where in it.
pub(crate) fn read<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, DecodeError> {
    // checked once for the whole, not once for each text in it
    let body = std::str::from_utf8(body).map_err(|error| {
        DecodeError::new("", format!("expected UTF-8, found something else at byte {}", error.valid_up_to()))
    })?;
    read_text(body)
}

/// The same of a text.
pub(crate) fn read_text<'a, T: serde::Deserialize<'a>>(body: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(body).map_err(|_| {
        // the path costs, so that it is only looked for when something is wrong
        let mut reader = serde_json::Deserializer::from_str(body);
        match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) => {
                let (path, problem) = (error.path().to_string(), problem(error.inner()));
                let path = if path == "." { String::new() } else { path };
                // the content of a message is read by itself, and its error has the rest of the path
                match problem.split_once(": ").filter(|_| problem.starts_with('[')) {
                    Some((inside, problem)) => DecodeError::new(path + inside, problem),
                    None => DecodeError::new(path, problem),
                }
            }
            Ok(_) => DecodeError::new("", "expected one JSON object, found more behind it"),
        }
    })
}

/// What the JSON library says, without the value that it may quote.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let quoted = text.find('`').or_else(|| text.find('"'));
    match (quoted, text.find(", expected")) {
        (Some(start), Some(end)) if start < end => format!("{}{}", text[..start].trim_end(), &text[end..]),
        _ => text,
    }
}

/// Why serialising cannot fail.
const SERIALISES: &str = "objects of texts, numbers and raw values serialise";

/// Serialises what cannot fail to be serialised, into a body of about `size` bytes.
pub(crate) fn write(value: &impl serde::Serialize, size: usize) -> Bytes {
    // with room for another dialect's longer words: to grow would copy everything
    let mut body = Vec::with_capacity((size + size / 8).max(1024));
    serde_json::to_writer(&mut body, value).expect(SERIALISES);
    Bytes::from(body)
}

/// The same, behind what is written of a stream.
pub(crate) fn append(out: &mut BytesMut, value: &impl serde::Serialize) {
    serde_json::to_writer(out.writer(), value).expect(SERIALISES);
}
