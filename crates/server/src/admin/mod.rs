//! The admin API.

pub(crate) mod v1;
