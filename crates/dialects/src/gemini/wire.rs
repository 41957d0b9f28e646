//! Fields of answers that matter to a gateway which does not translate.

use penstock_core::Usage;
use serde::Deserialize;

pub(crate) const WANTED: &[&str] = &["usageMetadata"];

/// `usageMetadata`: the prompt includes what was cached; thoughts and tool prompts stand beside.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageShape {
    #[serde(rename = "promptTokenCount")]
    prompt: Option<u64>,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Option<u64>,
    #[serde(rename = "cachedContentTokenCount")]
    cached_content: Option<u64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_use_prompt: Option<u64>,
}

impl From<UsageShape> for Usage {
    fn from(shape: UsageShape) -> Self {
        let prompt = shape.prompt.unwrap_or(0);
        let cached = shape.cached_content.unwrap_or(0).min(prompt);
        let thoughts = shape.thoughts.unwrap_or(0);
        Self {
            input: (prompt - cached).saturating_add(shape.tool_use_prompt.unwrap_or(0)),
            output: shape.candidates.unwrap_or(0).saturating_add(thoughts),
            cache_read: cached,
            reasoning: thoughts,
            ..Self::default()
        }
    }
}
