//! From the canonical form to the wire.

mod block;
mod message;
mod request;
mod response;
mod thought;
mod tool;

pub(super) use request::request;
pub(super) use response::{
    answer_block, event_name, foreign_stop_reason, head, no_usage, response, stop_reason, usage, usage_filled,
};
pub(super) use thought::signature;
