//! Fields of answers that matter to a gateway which does not translate.

use penstock_core::Usage;
use serde::Deserialize;

pub(crate) const WANTED: &[&str] = &["usage"];

/// `usage` of a response: input includes what was cached, output includes reasoning.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageShape {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl From<UsageShape> for Usage {
    fn from(shape: UsageShape) -> Self {
        let cached = shape.input_tokens_details.unwrap_or_default().cached_tokens.unwrap_or(0);
        let input = shape.input_tokens.unwrap_or(0);
        let cached = cached.min(input);
        let reasoning = shape.output_tokens_details.unwrap_or_default().reasoning_tokens;
        Self {
            input: input - cached,
            output: shape.output_tokens.unwrap_or(0),
            cache_read: cached,
            reasoning: reasoning.unwrap_or(0),
            ..Self::default()
        }
    }
}
