//! Logins: a password against the cookie of a session.

pub(super) mod login;
pub(super) mod logout;
