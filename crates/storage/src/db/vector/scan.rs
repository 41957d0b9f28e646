//! Looks at every row that it is shown, and keeps the best.

use std::cmp::Ordering;

use super::Embedding;
use crate::db::value::Cell;

/// A row in the running.
#[derive(Debug)]
pub(in crate::db) struct Candidate {
    pub(in crate::db) score: f64,
    /// Decides between equal scores.
    pub(in crate::db) id: Option<Cell>,
    pub(in crate::db) row: Vec<Cell>,
}

/// Keeps the best rows of all that it is shown.
#[derive(Debug)]
pub(in crate::db) struct Scan<'a> {
    embedding: &'a Embedding,
    limit: usize,
    minimum: f64,
    best: Vec<Candidate>,
}

/// Rows held before they are sorted.
const BLOCK: usize = 256;

impl<'a> Scan<'a> {
    pub(in crate::db) fn new(embedding: &'a Embedding, limit: usize, minimum: Option<f64>) -> Self {
        Self { embedding, limit, minimum: minimum.unwrap_or(f64::NEG_INFINITY), best: Vec::new() }
    }

    /// Looks at one row, whose vector is `cell`; a row without one is nobody's neighbour.
    pub(in crate::db) fn push(&mut self, cell: &Cell, id: Option<Cell>, row: Vec<Cell>) {
        let Some(score) = self.embedding.score(cell) else { return };
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

    /// What a row that was not shown must score to be among the best; nothing if any would be.
    pub(in crate::db) fn threshold(&mut self) -> f64 {
        self.settle();
        match self.best.last() {
            Some(last) if self.best.len() == self.limit => last.score,
            _ => self.minimum,
        }
    }

    /// The best, the best first.
    pub(in crate::db) fn finish(mut self) -> Vec<Candidate> {
        self.settle();
        self.best
    }
}

fn by_id(a: &Candidate, b: &Candidate) -> Ordering {
    match (&a.id, &b.id) {
        (Some(Cell::Integer(a)), Some(Cell::Integer(b))) => a.cmp(b),
        (Some(Cell::Text(a)), Some(Cell::Text(b))) => a.cmp(b),
        (Some(Cell::Bytes(a)), Some(Cell::Bytes(b))) => a.cmp(b),
        (Some(Cell::Real(a)), Some(Cell::Real(b))) => a.total_cmp(b),
        _ => Ordering::Equal,
    }
}
