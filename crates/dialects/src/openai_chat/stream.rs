//! Chunks of a streamed completion.

mod blocks;
mod call;
mod choice;
mod chunk;
mod decode;
mod encode;
mod observe;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(crate) use observe::observe;
pub use observe::strip_usage;
