//! Usage rows.

pub(super) mod list;
