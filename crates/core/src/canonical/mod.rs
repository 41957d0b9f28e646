//! The canonical form of requests, responses and streams: what modules see and what a translation goes
//! through.
//!
//! The types serialise to the camelCase shapes that module authors know. A value that a wire format
//! left out is absent here as well: nothing is defaulted. What a dialect has and this form does not
//! rides along in [`Extensions`].

mod chunk;
mod content;
mod extensions;
mod fold;
mod order;
mod origin;
mod read;
mod request;
mod response;

pub use chunk::{CanonicalChunk, Delta, MessageDelta};
pub use content::{
    BlockExtras, CanonicalMessage, Content, ContentBlock, Document, Image, MessageRole, Opaque, Source,
    SystemBlock, SystemPrompt, Text, Thinking, ToolResult, ToolUse,
};
pub use extensions::{Extensions, Fields};
pub use fold::Fold;
pub use order::{Order, OrderError};
pub use origin::{Origin, OriginError};
pub use read::{FromJson, Path, ReadError};
pub use request::{
    CanonicalRequest, CanonicalTool, ResponseFormat, ThinkingMode, ThinkingRequest, ToolChoice,
    ToolChoiceKind,
};
pub use response::{CanonicalResponse, CanonicalUsage, StopReason};
