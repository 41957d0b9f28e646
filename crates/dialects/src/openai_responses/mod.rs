//! OpenAI Responses. <https://platform.openai.com/docs/api-reference/responses>

pub(crate) mod errors;
pub(crate) mod stream;
pub(crate) mod wire;
