//! Sans-IO codecs for the wire protocols: bytes in, facts and bytes out.
//!
//! One folder per dialect, each with the same files: `wire` (the shapes), `decode` and `encode` (to and
//! from the canonical form), `stream` (the same for server-sent events), `errors` (the dialect's own
//! error shape). Around them is what all dialects share: the structural [`scan`] of a JSON document, byte
//! [`patch`]es, the [`sse`] splitter, the [`observe`]r that reads usage as an answer passes; and for
//! translation the [`codec`] that a dialect offers, the [`loss`]es it reports, the [`translate`]d stream
//! and its [`verify`]ing.
//!
//! Nothing here may build a tree of a body that is only forwarded, open a socket, or know of a
//! provider.

mod anthropic_messages;
mod gemini;
mod openai_chat;
mod openai_responses;

mod carrier;
pub mod codec;
mod effort;
pub mod envelope;
pub mod errors;
pub mod loss;
mod object;
pub mod observe;
pub mod patch;
pub mod scan;
pub mod sse;
pub mod translate;
pub mod verify;

pub use openai_chat::{ask_for_usage, strip_usage};
