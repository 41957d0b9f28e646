//! Hrana 3 over HTTP, as far as it is used here: what `POST /v3/pipeline` and `POST /v3/cursor` are sent, and what
//! they answer.

use serde::{Deserialize, Serialize};

/// The body of a pipeline.
#[derive(Serialize)]
pub(super) struct Pipeline<'a> {
    pub(super) baton: Option<&'a str>,
    pub(super) requests: &'a [Request<'a>],
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Request<'a> {
    Batch {
        batch: Steps<'a>,
    },
    /// Ends the stream, and what it has not committed with it.
    Close,
}

/// The body of a cursor.
#[derive(Serialize)]
pub(super) struct Cursor<'a> {
    pub(super) baton: Option<&'a str>,
    pub(super) batch: Steps<'a>,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Steps<'a> {
    pub(super) steps: &'a [Step],
}

#[derive(Debug, Serialize)]
pub(super) struct Step {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<Condition>,
    pub(super) stmt: Stmt,
}

/// When a step runs; the others are skipped.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Condition {
    /// That step ran and did not fail.
    Ok {
        step: usize,
    },
    Not {
        cond: Box<Condition>,
    },
    /// No transaction is open.
    IsAutocommit,
}

#[derive(Debug, Serialize)]
pub(super) struct Stmt {
    pub(super) sql: String,
    pub(super) args: Vec<Value>,
}

/// A value, either way. An integer is a text, so that none loses its last digits; there are no floats here.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Value {
    #[serde(rename = "type")]
    pub(super) kind: ValueKind,
    /// What the wire calls its value.
    #[serde(rename = "value", skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ValueKind {
    Null,
    Integer,
    Text,
    Blob,
}

/// What a pipeline answers: an entry for each request. No tags, which would have every row read twice.
#[derive(Deserialize)]
pub(super) struct Answered {
    pub(super) results: Vec<Entry>,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) response: Option<Response>,
    pub(super) error: Option<Refusal>,
}

#[derive(Deserialize)]
pub(super) struct Response {
    pub(super) result: Option<BatchResult>,
}

/// What came of each step: a result, an error, or neither if it was skipped.
#[derive(Deserialize)]
pub(super) struct BatchResult {
    pub(super) step_results: Vec<Option<Executed>>,
    pub(super) step_errors: Vec<Option<Refusal>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Executed {
    pub(super) rows: Vec<Vec<Value>>,
    #[serde(rename = "affected_row_count")]
    pub(super) affected: u64,
}

/// Why the server did not do something.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) code: Option<String>,
}

/// The first line that a cursor answers.
#[derive(Deserialize)]
pub(super) struct Opened {
    pub(super) baton: Option<String>,
}

/// Each further line.
#[derive(Deserialize)]
pub(super) struct Line {
    #[serde(rename = "type")]
    pub(super) kind: LineKind,
    pub(super) step: Option<usize>,
    pub(super) row: Option<Vec<Value>>,
    pub(super) affected_row_count: Option<u64>,
    pub(super) error: Option<Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineKind {
    StepBegin,
    Row,
    StepEnd,
    StepError,
    /// The batch as a whole failed.
    Error,
    #[serde(other)]
    Other,
}
