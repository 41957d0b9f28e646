//! What was logged of requests.

pub(super) mod list;
