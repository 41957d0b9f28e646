//! From the wire to the canonical form.

mod block;
mod message;
mod request;
mod response;
mod thought;
mod tool;

pub(super) use block::{part, refusal};
pub(super) use request::request;
pub(super) use response::{put_left, read_choice, response, stop_reason, usage};
pub(super) use thought::thought;
pub(super) use tool::input;
