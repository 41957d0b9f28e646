//! Events of a streamed message.

mod blocks;
mod decode;
mod encode;
mod observe;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(crate) use observe::observe;
