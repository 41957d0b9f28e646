//! What a test has logged and counted, on its own thread: for what is to be said once.

use std::fs::read_to_string;
use std::sync::Arc;

use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tempfile::NamedTempFile;
use tracing::subscriber::DefaultGuard;

/// From its start on.
pub(crate) struct Observed {
    log: NamedTempFile,
    metrics: PrometheusHandle,
    _guards: (DefaultGuard, LocalRecorderGuard<'static>),
}

impl Observed {
    pub(crate) fn start() -> Self {
        let log = NamedTempFile::new().unwrap();
        let writer = Arc::new(log.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        let metrics = recorder.handle();
        let guards =
            (tracing::subscriber::set_default(subscriber), metrics::set_default_local_recorder(recorder));
        Self { log, metrics, _guards: guards }
    }

    /// How many lines of the log have that part.
    pub(crate) fn lines(&self, part: &str) -> usize {
        read_to_string(self.log.path()).unwrap().matches(part).count()
    }

    /// The value of a metric that has one.
    pub(crate) fn metric(&self, name: &str) -> Option<String> {
        let rendered = self.metrics.render();
        let line = rendered.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next().map(str::to_owned)
    }
}
