use std::sync::atomic::AtomicU32;

use super::*;
use crate::Result;
use crate::observed::Observed;

/// A backend that is as the test says.
#[derive(Clone, Default)]
struct Backend {
    down: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Backend {
    async fn answer(&self) -> Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(StorageError::new(ErrorKind::Unavailable, "test", "test", "connection refused"));
        }
        Ok(())
    }

    fn guard(&self) -> Arc<Guard> {
        let backend = self.clone();
        let probe = move || {
            let backend = backend.clone();
            async move { backend.answer().await }
        };
        Guard::new("kv", "test", Pauses::for_calls(Duration::from_millis(250)), probe)
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_backend_costs_one_timeout_and_then_nothing() {
    let backend = Backend::default();
    backend.hangs.store(true, Ordering::SeqCst);
    let guard = backend.guard();
    let start = Instant::now();
    assert!(guard.call("kv.get", backend.answer()).await.is_err());
    assert_eq!(start.elapsed(), Duration::from_millis(250));
    for _ in 0..1_000 {
        let error = guard.call("kv.get", backend.answer()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
    }
    assert_eq!(start.elapsed(), Duration::from_millis(250));
    let trouble = guard.health().trouble.unwrap();
    assert_eq!(trouble.why, "kv.get on test: no answer within 250ms");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_away_keeps_no_call_from_the_others() {
    let backend = Backend::default();
    let guard = backend.guard();
    for calls in 1..=100 {
        let away =
            async { Err(StorageError::new(ErrorKind::Unavailable, "test", "test", "").with_partial(true)) };
        assert!(guard.call::<(), _>("kv.get", away).await.is_err());
        assert!(guard.call("kv.get", backend.answer()).await.is_ok());
        assert_eq!(backend.calls.load(Ordering::SeqCst), calls, "no probe, and no call is kept away");
        assert!(guard.health().trouble.is_some());
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(guard.health().trouble, None, "it was quiet");
}

#[tokio::test(start_paused = true)]
async fn recovery_is_noticed_without_a_call() {
    let backend = Backend::default();
    backend.down.store(true, Ordering::SeqCst);
    let guard = backend.guard();
    assert!(guard.check().await.trouble.is_some());
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(guard.health().trouble.is_some());
    backend.down.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(guard.call("kv.get", backend.answer()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_working_backend_is_no_outage() {
    let guard = Backend::default().guard();
    let full = async { Err::<(), _>(StorageError::new(ErrorKind::Full, "test", "kv.set", "no room")) };
    assert_eq!(guard.call("kv.set", full).await.unwrap_err().kind, ErrorKind::Full);
    assert_eq!(guard.health().trouble, None);
}

#[tokio::test(start_paused = true)]
async fn probes_become_rarer() {
    let backend = Backend::default();
    backend.down.store(true, Ordering::SeqCst);
    let guard = backend.guard();
    guard.check().await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let probes = backend.calls.load(Ordering::SeqCst);
    assert!((30..=40).contains(&probes), "{probes} probes in a minute");
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_two_lines_in_the_log_and_each_call_is_counted() {
    let observed = Observed::start();
    let backend = Backend::default();
    let guard = backend.guard();
    let up = || observed.metric("penstock_storage_up");
    assert_eq!(up().as_deref(), Some("1"));
    for incident in 1..=3 {
        backend.down.store(true, Ordering::SeqCst);
        for _ in 0..50 {
            guard.call("kv.get", backend.answer()).await.unwrap_err();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(
            (observed.lines("storage is down"), observed.lines("storage is back")),
            (incident, incident - 1)
        );
        let counted = observed.metric("penstock_storage_degraded_total");
        assert_eq!((up().as_deref(), counted), (Some("0"), Some((50 * incident).to_string())));
        backend.down.store(false, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!((observed.lines("storage is back"), up().as_deref()), (incident, Some("1")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_answers_probes_and_nothing_else_is_one_incident() {
    let observed = Observed::start();
    let guard = Backend::default().guard();
    for _ in 0..500 {
        let broken =
            async { Err::<(), _>(StorageError::new(ErrorKind::Unavailable, "test", "kv.get", "no")) };
        guard.call("kv.get", broken).await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((observed.lines("storage is down"), observed.lines("storage is back")), (1, 0));
}
