//! Fields of answers that matter to a gateway which does not translate.

use penstock_core::Usage;
use serde::Deserialize;

pub(crate) const WANTED: &[&str] = &["usage"];

/// `usage` of a message: input excludes what a cache gave or took. `cache_creation` splits the
/// writes by life time; without it they are five-minute writes, the API's default.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageShape {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

impl From<UsageShape> for Usage {
    fn from(shape: UsageShape) -> Self {
        let written = shape.cache_creation_input_tokens.unwrap_or(0);
        let hour = shape.cache_creation.map_or(0, |split| {
            split.ephemeral_1h_input_tokens.max(written.saturating_sub(split.ephemeral_5m_input_tokens))
        });
        let hour = hour.min(written);
        Self {
            input: shape.input_tokens.unwrap_or(0),
            output: shape.output_tokens.unwrap_or(0),
            cache_read: shape.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m: written - hour,
            cache_write_1h: hour,
            reasoning: 0,
        }
    }
}
