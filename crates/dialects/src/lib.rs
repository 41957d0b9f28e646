//! Sans-IO codecs for the wire protocols: bytes in, facts and bytes out.
//!
//! One folder per dialect, each with the same files: `wire` (which fields matter and the shape of
//! usage), `stream` (what a server-sent event says), `errors` (the dialect's own error shape).
//! Around them is what all dialects share: the structural [`scan`] of a JSON document, byte
//! [`patch`]es, the [`sse`] splitter and the [`observe`]r that reads usage as an answer passes.
//!
//! Nothing here may build a tree of a body that is only forwarded, open a socket, or know of a
//! provider.

mod anthropic_messages;
mod gemini;
mod openai_chat;
mod openai_responses;

pub mod envelope;
pub mod errors;
pub mod observe;
pub mod patch;
pub mod scan;
pub mod sse;

pub use openai_chat::{ask_for_usage, strip_usage};
