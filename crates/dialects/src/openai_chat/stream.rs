//! Chunks of a streamed completion.

mod choice;
mod decode;
mod encode;
mod observe;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(crate) use observe::observe;
pub use observe::strip_usage;
