//! Ends what was started when this program is told to end: nobody should have to look for a gateway
//! that was left running.

use std::process::exit;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// How long the main thread may take to notice that its children are gone, and to remove its folders.
const FAREWELL: Duration = Duration::from_secs(1);

static CHILDREN: Mutex<Children> = Mutex::new(Children { stopping: false, running: Vec::new() });

struct Children {
    stopping: bool,
    running: Vec<Pid>,
}

/// From now on a child ends with this program, as far as a signal can be noticed.
pub(crate) fn watch() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        // without signals to wait for, children end as they always did
        drop(runtime.block_on(signalled()));
        end_children();
        std::thread::sleep(FAREWELL);
        exit(130);
    })?;
    Ok(())
}

/// Notes a child that was started; an error if no more should be.
pub(crate) fn adopt(child: Pid) -> Result<()> {
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.running.push(child);
    ensure!(!children.stopping, "interrupted");
    Ok(())
}

/// Forgets a child that has ended.
pub(crate) fn forget(child: Pid) {
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.running.retain(|other| *other != child);
}

async fn signalled() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn end_children() {
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.stopping = true;
    for child in children.running.drain(..) {
        // fails only on one that is gone already
        let _ = kill_process(child, Signal::KILL);
    }
}
