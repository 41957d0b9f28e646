//! The rows nearest to an embedding.
//!
//! The score is the cosine, in 64 bits over numbers of 32; ties go by id. Every row that the filters let
//! through is looked at, so the result is exact.

use std::cmp::Ordering;

use super::query::Query;
use super::{Row, value::Cell};

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
    pub minimum: Option<f64>,
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

/// A row in the running.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) score: f64,
    /// Decides between equal scores.
    pub(super) id: Option<Cell>,
    pub(super) row: Vec<Cell>,
}

/// Keeps the best rows of all that it is shown.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    embedding: &'a [f64],
    length: f64,
    limit: usize,
    minimum: f64,
    best: Vec<Candidate>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(search: &'a VectorSearch) -> Self {
        let embedding = search.embedding.as_slice();
        Self {
            embedding,
            length: embedding.iter().map(|number| number * number).sum::<f64>().sqrt(),
            limit: search.limit,
            minimum: search.minimum.unwrap_or(f64::NEG_INFINITY),
            best: Vec::new(),
        }
    }

    /// Looks at one row, whose vector is `cell`; a row without one is nobody's neighbour.
    pub(super) fn push(&mut self, cell: &Cell, id: Option<Cell>, row: Vec<Cell>) {
        let Some(vector) = cell.as_vector() else { return };
        let score = self.cosine(&vector);
        if score < self.minimum {
            return;
        }
        self.best.push(Candidate { score, id, row });
        // sorted in blocks: each row costs little, and memory stays within twice the limit
        if self.best.len() >= self.limit.saturating_mul(2).max(BLOCK) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.best.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| by_id(a, b)));
        self.best.truncate(self.limit);
    }

    /// The best, the best first.
    pub(super) fn finish(mut self) -> Vec<Candidate> {
        self.settle();
        self.best
    }

    /// What is missing at the end of either counts as zeros; the cosine with nothing is 0.
    fn cosine(&self, vector: &[f32]) -> f64 {
        let (mut product, mut square) = (0.0, 0.0);
        for (at, number) in vector.iter().enumerate() {
            let number = f64::from(*number);
            product += number * self.embedding.get(at).copied().unwrap_or_default();
            square += number * number;
        }
        let lengths = square.sqrt() * self.length;
        if lengths > 0.0 { (product / lengths).clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// Rows held before they are sorted.
const BLOCK: usize = 256;

fn by_id(a: &Candidate, b: &Candidate) -> Ordering {
    match (&a.id, &b.id) {
        (Some(Cell::Integer(a)), Some(Cell::Integer(b))) => a.cmp(b),
        (Some(Cell::Text(a)), Some(Cell::Text(b))) => a.cmp(b),
        (Some(Cell::Bytes(a)), Some(Cell::Bytes(b))) => a.cmp(b),
        (Some(Cell::Real(a)), Some(Cell::Real(b))) => a.total_cmp(b),
        _ => Ordering::Equal,
    }
}
