//! Logs go to standard error: text on a terminal, JSON lines elsewhere, behind a thread of their own so
//! that no request waits for a pipe.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

const DEFAULT: &str = "info";

/// Starts logging; what is written reaches its end when the guard is dropped.
pub(crate) fn start(format: &str) -> anyhow::Result<WorkerGuard> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.trim().is_empty() => EnvFilter::try_new(&filter).with_context(|| {
            format!("RUST_LOG: expected directives such as `info` or `penstock=debug`, found {filter:?}")
        })?,
        _ => EnvFilter::new(DEFAULT),
    };
    let terminal = std::io::stderr().is_terminal();
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(terminal);
    let started = if format == "json" || (format == "auto" && !terminal) {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))?;
    Ok(guard)
}
