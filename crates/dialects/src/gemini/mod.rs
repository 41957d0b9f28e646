//! Google's `generateContent` family. <https://ai.google.dev/api/generate-content>

pub(crate) mod errors;
pub(crate) mod stream;
pub(crate) mod wire;
