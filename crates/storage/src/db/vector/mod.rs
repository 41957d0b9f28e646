//! The rows nearest to an embedding.
//!
//! The score is the cosine, in 64 bits over numbers of 32; ties go by id. Whoever ranks the rows, the answer
//! is that of a full scan: SQLite computes the same cosine in the same code, PostgreSQL only narrows the rows
//! down, with room for its rounding, and everything else is scanned here.

mod cosine;
mod scan;
#[cfg(feature = "sqlite")]
mod sqlite;

use super::Row;
use super::query::Query;

pub(super) use cosine::Embedding;
pub(super) use scan::{Candidate, Scan};
#[cfg(feature = "sqlite")]
pub(super) use sqlite::Cosine;

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSearch {
    /// Among which rows, and which columns to give.
    pub query: Query,
    /// The column of vectors.
    pub column: String,
    /// What the rows are to be near to.
    pub embedding: Vec<f64>,
    /// How many rows at most.
    pub limit: usize,
    /// The least score.
    pub min_score: Option<f64>,
    /// Whether a near miss is not good enough; a backend may always be exact.
    pub exact: bool,
}

/// A row that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its cosine with the embedding, from -1 to 1.
    pub score: f64,
    /// The row.
    pub data: Row,
}
