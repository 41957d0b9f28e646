//! From the canonical form to the wire.

mod block;
mod message;
mod request;
mod response;
mod thought;
mod tool;

pub(super) use message::own_call;
pub(super) use request::request;
pub(super) use response::{answer_part, choice, ending, response, usage};
pub(super) use thought::{detail, is_reasoning};
pub(super) use tool::tool_call;
