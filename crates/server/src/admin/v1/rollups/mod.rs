//! Sums of usage.

pub(super) mod list;
