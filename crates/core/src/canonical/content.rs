//! Messages and the blocks they are made of.

use serde::{Deserialize, Serialize, Serializer};

use super::{Extensions, Origin};
use crate::{Dialect, Json, JsonText};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageRole {
    /// The user, or a tool that answers.
    User,
    /// The model.
    Assistant,
    /// The operator, in the middle of a conversation.
    System,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CanonicalMessage {
    /// Who speaks.
    pub role: MessageRole,
    /// What is said.
    pub content: Content,
    /// What only one dialect knows.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// A plain text, or blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// A plain text.
    Text(JsonText),
    /// Blocks in order.
    Blocks(Vec<ContentBlock>),
}

/// The system prompt: a plain text, or blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SystemPrompt {
    /// A plain text.
    Text(JsonText),
    /// Blocks in order.
    Blocks(Vec<SystemBlock>),
}

/// A block of the system prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemBlock {
    /// The text.
    pub text: JsonText,
    /// Cache control and extensions.
    pub extras: BlockExtras,
}

impl Serialize for SystemBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            r#type: &'static str,
            text: &'a JsonText,
            #[serde(flatten)]
            extras: &'a BlockExtras,
        }
        Shape { r#type: "text", text: &self.text, extras: &self.extras }.serialize(serializer)
    }
}

/// What any block may carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockExtras {
    /// That a prompt cache should end here, as the client put it: `{"type":"ephemeral","ttl"?}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<Json>,
    /// What only one dialect knows.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentBlock {
    /// Text.
    Text(Text),
    /// The model calls a tool.
    ToolUse(ToolUse),
    /// A tool has answered.
    ToolResult(ToolResult),
    /// An image.
    Image(Image),
    /// A document.
    Document(Document),
    /// The model thinks aloud.
    Thinking(Thinking),
    /// Something only one dialect knows.
    Opaque(Opaque),
}

/// Text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The text.
    pub text: JsonText,
    /// Cache control and extensions.
    #[serde(flatten)]
    pub extras: BlockExtras,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolUse {
    /// The id that the result refers to.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its input: an object, or a string where the model wrote something that is no JSON.
    pub input: Json,
    /// Cache control and extensions.
    #[serde(flatten)]
    pub extras: BlockExtras,
}

/// The answer of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The id of the call.
    pub tool_use_id: String,
    /// What it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Whether it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
    /// Cache control and extensions.
    #[serde(flatten)]
    pub extras: BlockExtras,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Where it is.
    pub source: Source,
    /// Cache control and extensions.
    #[serde(flatten)]
    pub extras: BlockExtras,
}

/// Where the bytes of an image or a document are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source {
    /// In the request itself.
    #[serde(rename_all = "camelCase")]
    Base64 {
        /// `image/png` and the like.
        media_type: String,
        /// The bytes in base64.
        data: String,
        /// What only one dialect knows of the source.
        #[serde(skip_serializing_if = "Extensions::is_empty")]
        extensions: Extensions,
    },
    /// At a URL, which stands in `data`.
    Url {
        /// The URL.
        data: String,
        /// What only one dialect knows of the source.
        #[serde(skip_serializing_if = "Extensions::is_empty")]
        extensions: Extensions,
    },
    /// Plain text in the request itself; of documents only.
    #[serde(rename_all = "camelCase")]
    Text {
        /// `text/plain`.
        media_type: String,
        /// The text.
        data: String,
        /// What only one dialect knows of the source.
        #[serde(skip_serializing_if = "Extensions::is_empty")]
        extensions: Extensions,
    },
}

impl Source {
    /// What only one dialect knows of the source.
    pub const fn extensions(&self) -> &Extensions {
        match self {
            Self::Base64 { extensions, .. }
            | Self::Url { extensions, .. }
            | Self::Text { extensions, .. } => extensions,
        }
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// Where it is.
    pub source: Source,
    /// Its title or file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What else the model should know of it, and is not to cite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Cache control and extensions.
    #[serde(flatten)]
    pub extras: BlockExtras,
}

/// What the model thought, aloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thinking {
    /// The thought; empty where only its signature is given.
    pub text: String,
    /// The proof by which its origin knows it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Who thought it; nobody else gets it.
    pub origin: Origin,
    /// Cache control and extensions.
    #[serde(flatten)]
    pub extras: BlockExtras,
}

/// Something only one dialect knows: a whole block of it, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opaque {
    /// The dialect.
    pub dialect: Dialect,
    /// The block on the wire.
    pub value: Json,
    /// Whose secret it holds, such as encrypted reasoning; nobody else gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl ContentBlock {
    /// A text without anything else.
    pub fn text(text: impl Into<JsonText>) -> Self {
        Self::Text(Text { text: text.into(), extras: BlockExtras::default() })
    }

    /// Its cache control and extensions; an opaque block has them inside.
    pub const fn extras(&self) -> Option<&BlockExtras> {
        match self {
            Self::Text(Text { extras, .. })
            | Self::ToolUse(ToolUse { extras, .. })
            | Self::ToolResult(ToolResult { extras, .. })
            | Self::Image(Image { extras, .. })
            | Self::Document(Document { extras, .. })
            | Self::Thinking(Thinking { extras, .. }) => Some(extras),
            Self::Opaque(_) => None,
        }
    }

    /// The same, to change them.
    pub const fn extras_mut(&mut self) -> Option<&mut BlockExtras> {
        match self {
            Self::Text(Text { extras, .. })
            | Self::ToolUse(ToolUse { extras, .. })
            | Self::ToolResult(ToolResult { extras, .. })
            | Self::Image(Image { extras, .. })
            | Self::Document(Document { extras, .. })
            | Self::Thinking(Thinking { extras, .. }) => Some(extras),
            Self::Opaque(_) => None,
        }
    }
}
