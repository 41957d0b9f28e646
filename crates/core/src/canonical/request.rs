//! What a model is asked.

use serde::{Deserialize, Serialize, Serializer};

use super::{BlockExtras, CanonicalMessage, Extensions, Fields, SystemPrompt};
use crate::{Dialect, Json, Number};

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CanonicalRequest {
    /// The model.
    pub model: String,
    /// The conversation.
    pub messages: Vec<CanonicalMessage>,
    /// The system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemPrompt>,
    /// The tools the model may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<CanonicalTool>>,
    /// Which of them it should call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Output tokens at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<Number>,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Number>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<Number>,
    /// Sampling among the likeliest tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<Number>,
    /// Whether the answer is streamed. A request that does not say so is not.
    #[serde(serialize_with = "or_false")]
    pub stream: Option<bool>,
    /// Texts at which the answer ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_sequences: Option<Vec<String>>,
    /// What the provider is told of the caller, such as `user_id`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "object")]
    pub metadata: Option<Fields>,
    /// Whether and how hard to think.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingRequest>,
    /// The form of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// What only one dialect knows.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "the signature that serde asks for"
)]
fn or_false<S: Serializer>(flag: &Option<bool>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(flag.unwrap_or(false))
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn object<S: Serializer>(fields: &Option<Fields>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().flatten().map(|(name, value)| (name, value)))
}

/// A tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CanonicalTool {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Json>,
    /// The only dialect that has this tool, such as a search that the provider runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Cache control and extensions.
    #[serde(flatten)]
    pub extras: BlockExtras,
}

/// Which tool to call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolChoice {
    /// The rule; absent where only `disable_parallel_tool_use` was given.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ToolChoiceKind>,
    /// The tool, for [`ToolChoiceKind::Tool`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether at most one tool may be called at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_parallel_tool_use: Option<bool>,
    /// What only one dialect knows.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// A rule for calling tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoiceKind {
    /// The model decides.
    Auto,
    /// Some tool.
    Any,
    /// No tool.
    None,
    /// The named tool.
    Tool,
}

/// Whether and how hard to think.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThinkingRequest {
    /// Whether; absent where only an effort was given.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub mode: Option<ThinkingMode>,
    /// Tokens that may be thought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<Number>,
    /// `minimal`, `low`, `medium`, `high` and what else a provider knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// What only one dialect knows.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Whether to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingMode {
    /// Within a budget.
    Enabled,
    /// Not at all.
    Disabled,
    /// As the model sees fit.
    Adaptive,
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Text.
    Text {
        /// What only one dialect knows.
        #[serde(skip_serializing_if = "Extensions::is_empty")]
        extensions: Extensions,
    },
    /// Any JSON object.
    JsonObject {
        /// What only one dialect knows.
        #[serde(skip_serializing_if = "Extensions::is_empty")]
        extensions: Extensions,
    },
    /// JSON of a schema.
    JsonSchema {
        /// The schema's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The schema.
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<Json>,
        /// What only one dialect knows.
        #[serde(skip_serializing_if = "Extensions::is_empty")]
        extensions: Extensions,
    },
}
