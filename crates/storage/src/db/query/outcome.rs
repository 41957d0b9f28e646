//! What a chain resolves to: data or an error, never a failure of its own.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Action, Answer, Cardinality, DbError, Query};
use crate::db::code;

/// What a chain resolves to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Rows, one row, or null.
    pub data: Value,
    /// What went wrong.
    pub error: Option<DbError>,
    /// How many rows there are, if that was asked.
    pub count: Option<u64>,
    /// As an HTTP status.
    pub status: u16,
    /// Its words.
    pub status_text: &'static str,
}

impl Outcome {
    /// What a query that was done resolves to.
    pub fn of_answer(query: &Query, answer: Answer) -> Self {
        let Answer { rows, count } = answer;
        let gives = query.returning.is_some() && !query.head;
        let data = match query.cardinality {
            _ if !gives => Value::Null,
            Cardinality::Many => json!(rows),
            Cardinality::One | Cardinality::OneOrNone => {
                rows.into_iter().next().map_or(Value::Null, Value::Object)
            }
        };
        let (status, status_text) = match query.action {
            Action::Insert(_) | Action::Upsert { .. } => (201, "Created"),
            Action::Update(_) | Action::Delete if !gives => (204, "No Content"),
            _ => (200, "OK"),
        };
        Self { data, error: None, count, status, status_text }
    }

    /// What a query that was not done resolves to.
    pub fn of_error(error: DbError) -> Self {
        let status = error.status;
        let status_text = match status {
            403 => "Forbidden",
            404 => "Not Found",
            406 => "Not Acceptable",
            409 => "Conflict",
            503 => "Service Unavailable",
            _ => "Bad Request",
        };
        Self { data: Value::Null, error: Some(error), count: None, status, status_text }
    }

    /// The code of the error, if there is one.
    pub fn code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.code.as_str())
    }
}

impl Cardinality {
    /// Whether so many rows are right.
    pub(crate) fn check(self, rows: usize) -> Result<(), DbError> {
        match (self, rows) {
            (Self::Many, _) | (Self::One, 1) | (Self::OneOrNone, 0 | 1) => Ok(()),
            (_, rows) => Err(DbError::new(code::NOT_ONE, "expected exactly one row")
                .with_details(format!("there are {} rows", if rows > 1 { "several" } else { "no" }))),
        }
    }
}

impl Serialize for DbError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { message, details, hint, code, .. } = self;
        json!({ "message": message, "details": details, "hint": hint, "code": code }).serialize(serializer)
    }
}
