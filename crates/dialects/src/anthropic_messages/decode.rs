//! From the wire to the canonical form.

mod block;
mod message;
mod request;
mod response;
mod thought;
mod tool;

pub(super) use block::block;
pub(super) use request::request;
pub(super) use response::{message_of, response, stop_reason, usage};
