use std::sync::atomic::AtomicU32;

use super::*;
use crate::Result;

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
