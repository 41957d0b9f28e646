//! OpenAI Chat Completions, and the embeddings of the same API.
//! <https://platform.openai.com/docs/api-reference/chat>

pub(crate) mod errors;
pub(crate) mod stream;
pub(crate) mod wire;

pub use stream::strip_usage;
pub use wire::ask_for_usage;
