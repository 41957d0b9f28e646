//! What a statement may not do on SQLite, whoever wrote it and however it is spelt.
//!
//! SQLite has no logins: this is the wall, and the guard of raw SQL is the sign on it. SQLite asks while it
//! prepares a statement, with names that it has read itself, so nothing that it understands gets past.
//! Transactions are not decided here: they are also those of the pool.

use penstock_sqlite_native::{Action, Authorise};

use crate::db::raw::{NAMES, PRAGMAS};

/// The pragmas that full-text tables read.
const READ: &[&str] = &["data_version", "page_size"];

/// What modules' statements may do.
pub(super) struct ForModules;

impl Authorise for ForModules {
    fn allows(action: Action<'_>) -> bool {
        let is_in =
            |names: &[&str], name: &[u8]| names.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()));
        match action {
            // `VACUUM` works in a database without a name, which is gone when it ends; one with a name is a file
            Action::Attach(name) => name == Some(b""),
            Action::Pragma { name, argument } => {
                is_in(PRAGMAS, name) || argument.is_none() && is_in(READ, name)
            }
            Action::Function(name) => !is_in(NAMES, name),
            Action::Detach | Action::CreateTemporary => false,
            Action::Other => true,
        }
    }
}
