//! The audit trail.

pub(super) mod list;
