//! Runs cases against a backend, and says what held.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};

use crate::{Capability, Case, Failure, Outcome};

/// Cases that run at once: many of them wait for a lifetime to end.
const AT_ONCE: usize = 16;
/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// What came out of one case.
#[derive(Debug)]
pub struct Result {
    /// The case.
    pub name: &'static str,
    /// `None` if the case is not for a backend that can do what this one can.
    pub outcome: Option<Outcome>,
}

/// What came out of all cases of a group.
#[derive(Debug)]
pub struct Report {
    /// Whose.
    pub backend: String,
    /// One for each case, in the order of the table.
    pub results: Vec<Result>,
}

impl Report {
    /// The names of the cases that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |result: &&Result| matches!(result.outcome, Some(Err(_)));
        self.results.iter().filter(failed).map(|result| result.name).collect()
    }

    /// Stops the test if a case failed.
    ///
    /// # Panics
    ///
    /// If one failed, with all that did.
    pub fn assert(&self) {
        assert!(self.failed().is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed().len();
        writeln!(f, "{}: {failed} of {} cases failed", self.backend, self.results.len())?;
        for result in &self.results {
            if let Some(Err(failure)) = &result.outcome {
                writeln!(f, "  {}: {failure}", result.name)?;
            }
        }
        Ok(())
    }
}

/// Runs `cases`, each with a harness that `open` makes for it.
pub async fn run<H, F>(
    backend: &str,
    capabilities: &[Capability],
    cases: impl IntoIterator<Item = &'static Case<H>>,
    open: impl Fn() -> F,
) -> Report
where
    H: ?Sized + Send + Sync + 'static,
    F: Future<Output = std::result::Result<Arc<H>, Failure>>,
{
    let one = |case: &Case<H>| {
        let (name, run) = (case.name, case.run);
        let harness = case.is_for(capabilities).then(&open);
        async move {
            let Some(harness) = harness else { return Result { name, outcome: None } };
            let outcome = match harness.await {
                Ok(harness) => within(run(harness)).await,
                Err(failure) => Err(failure),
            };
            Result { name, outcome: Some(outcome) }
        }
    };
    let results = stream::iter(cases.into_iter().map(one)).buffered(AT_ONCE).collect().await;
    Report { backend: backend.to_owned(), results }
}

async fn within(case: impl Future<Output = Outcome>) -> Outcome {
    let caught = AssertUnwindSafe(case).catch_unwind();
    match tokio::time::timeout(PATIENCE, caught).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::new("it panicked")),
        Err(_) => Err(Failure::new(format!("it was not done after {} s", PATIENCE.as_secs()))),
    }
}
