//! Notices that a backend is down, keeps calls away from it meanwhile, and notices that it is back.
//!
//! One call that is not answered in time opens the breaker: calls then fail at once. Where one node of several
//! is away, and says so by refusing, the others are still called, and it is an incident all the same. A probe, which is no
//! caller's, asks the backend whether it works and closes the breaker. A backend that answers probes and
//! nothing else would open and close it for ever; the incident goes on until it has been quiet, so that it is
//! still one incident, and one line in the log.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use penstock_core::{Clock as _, SystemClock, Timestamp};
use tokio::time::Instant;

use crate::db::DbError;
use crate::{ErrorKind, StorageError};

/// Asks a backend whether it works; else what it says.
type Probe = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// An error that may mean that nobody is there.
pub(super) trait MayBeOutage: fmt::Display + Sized {
    fn is_outage(&self) -> bool;

    /// Whether other calls may be answered all the same.
    fn is_partial(&self) -> bool {
        false
    }

    fn outage(backend: &'static str, operation: &'static str, message: String) -> Self;
}

impl MayBeOutage for StorageError {
    fn is_outage(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    fn is_partial(&self) -> bool {
        self.is_partial
    }

    fn outage(backend: &'static str, operation: &'static str, message: String) -> Self {
        Self::new(ErrorKind::Unavailable, backend, operation, message)
    }
}

impl MayBeOutage for DbError {
    fn is_outage(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    fn outage(backend: &'static str, operation: &'static str, message: String) -> Self {
        Self::unavailable(format!("{operation} on {backend}: {message}"))
    }
}

/// How long a guard waits.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// For the answer to a call.
    pub call: Duration,
    /// Between two probes, at first; it doubles.
    pub probe: Duration,
    /// Between two probes, at most.
    pub probe_limit: Duration,
    /// Without trouble, until an incident is over.
    pub quiet: Duration,
}

impl Pauses {
    /// The usual pauses around calls that may take so long.
    pub const fn for_calls(call: Duration) -> Self {
        Self {
            call,
            probe: Duration::from_millis(100),
            probe_limit: Duration::from_secs(2),
            quiet: Duration::from_secs(1),
        }
    }
}

/// How a part of the adapter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHealth {
    /// Which backend it is.
    pub backend: &'static str,
    /// What is wrong, if something is.
    pub trouble: Option<Trouble>,
}

/// An incident that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// What the backend, or its silence, said first.
    pub why: String,
}

/// Stands before one backend.
pub struct Guard {
    part: &'static str,
    backend: &'static str,
    pauses: Pauses,
    probe: Probe,
    /// Calls do not reach the backend. Read by each call, so no lock.
    open: AtomicBool,
    incident: Mutex<Option<Incident>>,
}

#[derive(Debug)]
struct Incident {
    trouble: Trouble,
    started: Instant,
    last_failure: Instant,
    /// Calls that were answered without the backend.
    unanswered: u64,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("part", &self.part)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// Before `backend`, which is asked by `probe` whether it works.
    pub(super) fn new<F, E>(
        part: &'static str,
        backend: &'static str,
        pauses: Pauses,
        probe: impl Fn() -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let probe = Box::new(move || {
            let asked = probe();
            Box::pin(async { asked.await.map_err(|error| error.to_string()) }) as _
        });
        metrics::gauge!("penstock_storage_up", "part" => part, "backend" => backend).set(1.0);
        let (open, incident) = (AtomicBool::new(false), Mutex::new(None));
        Arc::new(Self { part, backend, pauses, probe, open, incident })
    }

    /// Makes a call, unless the backend is known to be down. An outage comes back as an error of the kind
    /// [`Unavailable`](ErrorKind::Unavailable), and has been logged.
    pub(super) async fn call<T, E: MayBeOutage>(
        self: &Arc<Self>,
        operation: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        self.call_within(self.pauses.call, operation, call).await
    }

    /// The same for a call that may take longer than most.
    pub(super) async fn call_within<T, E: MayBeOutage>(
        self: &Arc<Self>,
        limit: Duration,
        operation: &'static str,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        if self.open.load(Ordering::Acquire) {
            self.count(operation);
            return Err(E::outage(self.backend, operation, "it is down".to_owned()));
        }
        let answer = tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            Err(E::outage(self.backend, operation, format!("no answer within {limit:?}")))
        });
        if let Err(error) = &answer
            && error.is_outage()
        {
            self.failed(error.to_string(), error.is_partial());
            self.count(operation);
        }
        answer
    }

    /// How the backend is.
    pub fn health(&self) -> PartHealth {
        let trouble = self.incident().as_ref().map(|incident| incident.trouble.clone());
        PartHealth { backend: self.backend, trouble }
    }

    /// Finds out how the backend is, at the start, when nobody has called yet.
    pub async fn check(self: &Arc<Self>) -> PartHealth {
        if !self.open.load(Ordering::Acquire)
            && let Err(why) = self.ask().await
        {
            self.failed(why, false);
        }
        self.health()
    }

    async fn ask(&self) -> Result<(), String> {
        let silence = |_| Err(format!("no answer within {:?}", self.pauses.call));
        tokio::time::timeout(self.pauses.call, (self.probe)()).await.unwrap_or_else(silence)
    }

    fn count(&self, operation: &'static str) {
        let (part, backend) = (self.part, self.backend);
        metrics::counter!(
            "penstock_storage_degraded_total", "part" => part, "backend" => backend, "operation" => operation
        )
        .increment(1);
        if let Some(incident) = self.incident().as_mut() {
            incident.unanswered += 1;
        }
    }

    fn incident(&self) -> std::sync::MutexGuard<'_, Option<Incident>> {
        self.incident.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(self: &Arc<Self>, why: String, is_partial: bool) {
        let now = Instant::now();
        let mut incident = self.incident();
        // many calls fail together; the first of them opens the breaker, unless the others are answered
        if !is_partial {
            self.open.store(true, Ordering::Release);
        }
        if let Some(incident) = incident.as_mut() {
            incident.last_failure = now;
            return;
        }
        tracing::error!(
            part = self.part,
            backend = self.backend,
            error = why,
            "storage is down; modules go on without it until it is back"
        );
        metrics::gauge!("penstock_storage_up", "part" => self.part, "backend" => self.backend).set(0.0);
        let trouble = Trouble { since: SystemClock.now(), why };
        *incident = Some(Incident { trouble, started: now, last_failure: now, unanswered: 0 });
        drop(incident);
        tokio::spawn(Arc::clone(self).watch());
    }

    /// Probes until the incident is over.
    async fn watch(self: Arc<Self>) {
        let mut pause = self.pauses.probe;
        loop {
            if !self.open.load(Ordering::Acquire) {
                tokio::time::sleep(self.pauses.quiet).await;
                if self.is_over() {
                    return;
                }
                continue;
            }
            if self.ask().await.is_ok() {
                self.open.store(false, Ordering::Release);
                continue;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.pauses.probe_limit);
        }
    }

    /// Ends the incident if nothing has failed for a while.
    fn is_over(&self) -> bool {
        let mut incident = self.incident();
        let quiet = |incident: &mut Incident| incident.last_failure.elapsed() >= self.pauses.quiet;
        if self.open.load(Ordering::Acquire) {
            return false;
        }
        let Some(over) = incident.take_if(quiet) else { return false };
        metrics::gauge!("penstock_storage_up", "part" => self.part, "backend" => self.backend).set(1.0);
        tracing::info!(
            part = self.part,
            backend = self.backend,
            seconds = over.started.elapsed().as_secs_f32(),
            unanswered = over.unanswered,
            "storage is back"
        );
        true
    }
}

#[cfg(test)]
mod tests;
