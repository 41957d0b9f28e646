//! What a fault cost, as a line in the file that `make drill` prints.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};

/// Names the file; without it nothing is written.
const FILE: &str = "PENSTOCK_DRILL_REPORT";

/// What came of one fault.
#[derive(Debug)]
pub(super) struct Found {
    /// Sent by clients.
    pub(super) requests: usize,
    /// Not answered as they should have been.
    pub(super) client_errors: usize,
    /// Requests that the upstream saw and no row tells of.
    pub(super) lost: usize,
    /// Requests with more than one row.
    pub(super) doubled: usize,
    /// From the end of the fault until nothing waited for the store any more.
    pub(super) recovered: Duration,
}

impl Found {
    /// An error unless nobody noticed anything and the books are right.
    pub(super) fn require_clean(&self) -> Result<()> {
        ensure!(self.client_errors == 0, "clients saw it: {self:?}");
        self.require_right_books()
    }

    /// An error unless there is one row for each request that the upstream saw.
    pub(super) fn require_right_books(&self) -> Result<()> {
        ensure!(self.lost == 0 && self.doubled == 0, "the books are wrong: {self:?}");
        Ok(())
    }
}

/// Adds a line, where a report is asked for.
pub(super) fn add(fault: &str, found: &Found) -> Result<()> {
    let Some(file) = std::env::var_os(FILE) else { return Ok(()) };
    let Found { requests, client_errors, lost, doubled, recovered } = found;
    let seconds = recovered.as_secs_f64();
    let line = format!("{fault}\t{requests}\t{client_errors}\t{lost}\t{doubled}\t{seconds:.1}\n");
    // in one write, so that drills at the same time do not mix theirs
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())?;
    Ok(())
}
