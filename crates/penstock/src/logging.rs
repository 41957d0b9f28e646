//! Logs go to standard error: text on a terminal, JSON lines elsewhere.
//!
//! A line is handed to a thread that looks every few milliseconds and writes what has gathered at once, so
//! that no request waits for a pipe, wakes a thread or pays for a system call of its own.

mod json;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use self::json::JsonLine;

const DEFAULT: &str = "info";
/// How often lines are written.
const INTERVAL: Duration = Duration::from_millis(20);
/// Lines that may wait; past it they are dropped, and counted, rather than hold requests up.
const WAITING: usize = 100_000;

/// Starts logging; what is written reaches its end when the guard is dropped.
pub(crate) fn start(format: &str) -> anyhow::Result<Guard> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.trim().is_empty() => EnvFilter::try_new(&filter).with_context(|| {
            format!("RUST_LOG: expected directives such as `info` or `penstock=debug`, found {filter:?}")
        })?,
        _ => EnvFilter::new(DEFAULT),
    };
    let terminal = io::stderr().is_terminal();
    let (lines, guard) = Lines::start()?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_ansi(terminal);
    let started = if format == "json" || (format == "auto" && !terminal) {
        builder.event_format(JsonLine).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging could not be started: {error}"))?;
    Ok(guard)
}

/// Where lines are handed in.
#[derive(Clone, Debug)]
struct Lines(SyncSender<Vec<u8>>);

/// Waits, when it is dropped, until every line handed in before is written.
#[derive(Debug)]
pub(crate) struct Guard {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    fn start() -> anyhow::Result<(Self, Guard)> {
        let (lines, waiting) = sync_channel(WAITING);
        let (stop, stopped) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&waiting, &stopped))
            .context("the thread that writes logs could not be started")?;
        Ok((Self(lines), Guard { stop: Some(stop), thread: Some(thread) }))
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: &self.0, text: Vec::new() }
    }
}

/// One line while it is made.
struct Line<'a> {
    lines: &'a SyncSender<Vec<u8>>,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() && self.lines.try_send(std::mem::take(&mut self.text)).is_err() {
            metrics::counter!("penstock_log_lines_dropped_total").increment(1);
        }
    }
}

/// Writes what has gathered, again and again, until the guard goes. A standard error that cannot be
/// written to leaves nobody to tell.
fn write(waiting: &Receiver<Vec<u8>>, stopped: &Receiver<()>) {
    let mut output = BufWriter::with_capacity(64 << 10, io::stderr());
    loop {
        let last = matches!(stopped.try_recv(), Err(TryRecvError::Disconnected));
        for line in waiting.try_iter() {
            drop(output.write_all(&line));
        }
        drop(output.flush());
        if last {
            return;
        }
        std::thread::sleep(INTERVAL);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
