//! Answers.

use super::object::Object;
use super::{FromJson, Path, ReadError};
use crate::Json;
use crate::canonical::{CanonicalResponse, CanonicalUsage};

impl FromJson for CanonicalResponse {
    /// A module that makes an answer up need not have an id or a model for it.
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        if object.optional::<String>("role")?.is_some_and(|role| role != "assistant") {
            return Err(object.problem("role", "expected `assistant`, found another word"));
        }
        let response = Self {
            id: object.or_default("id")?,
            model: object.or_default("model")?,
            content: object.required("content", "an array of blocks")?,
            stop_reason: object.optional("stopReason")?,
            stop_sequence: object.optional("stopSequence")?,
            usage: object.optional("usage")?,
            extensions: object.or_default("extensions")?,
        };
        object.finish()?;
        Ok(response)
    }
}

impl FromJson for CanonicalUsage {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut object = Object::of(json, path)?;
        let usage = Self {
            input_tokens: object.optional("inputTokens")?,
            output_tokens: object.optional("outputTokens")?,
            cache_read_input_tokens: object.optional("cacheReadInputTokens")?,
            cache_creation_input_tokens: object.optional("cacheCreationInputTokens")?,
            reasoning_tokens: object.optional("reasoningTokens")?,
            extensions: object.or_default("extensions")?,
        };
        object.finish()?;
        Ok(usage)
    }
}
