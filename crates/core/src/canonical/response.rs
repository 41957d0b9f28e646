//! What a model answers.

use serde::{Serialize, Serializer};

use super::{ContentBlock, Extensions, MessageDelta};
use crate::named_enum;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanonicalResponse {
    /// The provider's id of it.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// What it said.
    pub content: Vec<ContentBlock>,
    /// Why it ended; absent while it goes on, or where the provider gives a reason of its own.
    pub stop_reason: Option<StopReason>,
    /// The text at which it ended.
    pub stop_sequence: Option<String>,
    /// What it consumed; absent where the provider did not say.
    pub usage: Option<CanonicalUsage>,
    /// What only one dialect knows.
    pub extensions: Extensions,
}

impl CanonicalResponse {
    /// Adds what a stream says about the whole answer.
    pub fn update(&mut self, delta: MessageDelta, usage: Option<CanonicalUsage>) {
        self.stop_reason = delta.stop_reason.or(self.stop_reason);
        self.stop_sequence = delta.stop_sequence.or(self.stop_sequence.take());
        self.extensions.accumulate(delta.extensions);
        match (&mut self.usage, usage) {
            (Some(known), Some(later)) => known.update(later),
            (known, later) => *known = known.take().or(later),
        }
    }
}

impl Serialize for CanonicalResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape<'a> {
            id: &'a str,
            model: &'a str,
            role: &'static str,
            content: &'a [ContentBlock],
            stop_reason: Option<StopReason>,
            #[serde(skip_serializing_if = "Option::is_none")]
            stop_sequence: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            usage: Option<&'a CanonicalUsage>,
            #[serde(skip_serializing_if = "Extensions::is_empty")]
            extensions: &'a Extensions,
        }
        let shape = Shape {
            id: &self.id,
            model: &self.model,
            role: "assistant",
            content: &self.content,
            stop_reason: self.stop_reason,
            stop_sequence: self.stop_sequence.as_deref(),
            usage: self.usage.as_ref(),
            extensions: &self.extensions,
        };
        shape.serialize(serializer)
    }
}

named_enum! {
    /// Why an answer ended.
    StopReason("stop reason") {
        /// The model was done.
        EndTurn = "end_turn",
        /// It reached the limit of its output, or of its context.
        MaxTokens = "max_tokens",
        /// It wrote a stop sequence.
        StopSequence = "stop_sequence",
        /// It wants a tool's answer.
        ToolUse = "tool_use",
        /// The model, or a filter, declined to go on.
        Refusal = "refusal",
        /// No model answered; the single block says why.
        Error = "error",
    }
}

/// Tokens of an answer.
///
/// `input_tokens` excludes what was read from or written to a cache; `output_tokens` includes what was
/// reasoned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CanonicalUsage {
    /// Input at the full price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Input read from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_input_tokens: Option<u64>,
    /// Input written to a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_creation_input_tokens: Option<u64>,
    /// How much of the output was reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// What only one dialect knows.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl CanonicalUsage {
    /// Lays a later report over this one: figures are cumulative, the last one counts.
    pub fn update(&mut self, later: Self) {
        let over = |known: &mut Option<u64>, later: Option<u64>| *known = later.or(*known);
        over(&mut self.input_tokens, later.input_tokens);
        over(&mut self.output_tokens, later.output_tokens);
        over(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        over(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        over(&mut self.reasoning_tokens, later.reasoning_tokens);
        self.extensions.accumulate(later.extensions);
    }
}
