//! What a database refuses, in the words and codes that modules see.

use std::error::Error;
use std::fmt;

use crate::{ErrorKind, Retry};

/// The codes that are the same on every dialect.
pub mod code {
    /// Not exactly one row.
    pub const NOT_ONE: &str = "PGRST116";
    /// A write that would meet every row, and does not say so.
    pub const NO_FILTER: &str = "PS001";
    /// A query that makes no sense.
    pub const INVALID: &str = "PS002";
    /// Migrations that do not fit to what was applied before.
    pub const MIGRATION: &str = "PS003";
    /// SQL that is not for modules.
    pub const DENIED: &str = "42501";
    /// A unique key is taken.
    pub const UNIQUE: &str = "23505";
    /// A foreign key points at nothing.
    pub const FOREIGN_KEY: &str = "23503";
    /// A value is missing where there must be one.
    pub const NOT_NULL: &str = "23502";
    /// A value breaks a check of the table.
    pub const CHECK: &str = "23514";
    /// There is no such table.
    pub const NO_TABLE: &str = "42P01";
    /// There is no such column.
    pub const NO_COLUMN: &str = "42703";
    /// No unique key is on the columns of `onConflict`.
    pub const NO_KEY: &str = "42P10";
    /// There is one of that name already.
    pub const EXISTS: &str = "42P07";
    /// There is a column of that name already.
    pub const COLUMN_EXISTS: &str = "42701";
    /// There is no such column, index or key to drop.
    pub const NO_OBJECT: &str = "42704";
    /// A value does not fit to the type of its column.
    pub const BAD_VALUE: &str = "22P02";
    /// A vector is longer than its column.
    pub const BAD_VECTOR: &str = "22000";
    /// The database cannot be reached.
    pub const UNAVAILABLE: &str = "08006";
    /// The disk is full.
    pub const FULL: &str = "53100";
    /// The statement is wrong, or something else is.
    pub const OTHER: &str = "42000";
}

/// A query that was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbError {
    /// What was expected and what came.
    pub message: String,
    /// What the driver said, where that helps.
    pub details: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// A code, mostly of SQLSTATE; see [`code`].
    pub code: String,
    /// The status that goes with it.
    pub status: u16,
    /// What kind of trouble it is.
    pub kind: ErrorKind,
    /// Whether to try again.
    pub retry: Retry,
}

impl DbError {
    /// The error with that code; its status and kind follow from it.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        let (status, kind) = match code {
            code::NOT_ONE => (406, ErrorKind::Invalid),
            code::UNIQUE | code::FOREIGN_KEY => (409, ErrorKind::Conflict),
            code::NO_TABLE => (404, ErrorKind::Invalid),
            code::DENIED => (403, ErrorKind::Denied),
            code::FULL => (507, ErrorKind::Full),
            _ if code.starts_with("08") || code.starts_with("57P") || code == "53300" => {
                (503, ErrorKind::Unavailable)
            }
            _ if code.starts_with("40") => (409, ErrorKind::Conflict),
            _ => (400, ErrorKind::Invalid),
        };
        let retry = match kind {
            ErrorKind::Unavailable | ErrorKind::Full => Retry::Later,
            ErrorKind::Conflict if code.starts_with("40") => Retry::Later,
            _ => Retry::Never,
        };
        let message = message.into();
        Self { message, details: None, hint: None, code: code.to_owned(), status, kind, retry }
    }

    /// A query that makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(code::INVALID, message)
    }

    /// The database cannot be reached.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(code::UNAVAILABLE, message)
    }

    /// Whether that is so.
    pub fn is_unavailable(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    /// With what the driver said.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl Error for DbError {}
