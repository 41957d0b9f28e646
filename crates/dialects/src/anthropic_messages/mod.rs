//! Anthropic Messages. <https://docs.anthropic.com/en/api/messages>

pub(crate) mod errors;
pub(crate) mod stream;
pub(crate) mod wire;
