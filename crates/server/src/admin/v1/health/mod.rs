//! How credentials are.

pub(super) mod list;
