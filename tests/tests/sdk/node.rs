//! A Node process that holds storages of the package, and is asked over lines of JSON.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};

/// Who waits for which answer.
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// The process; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    calls: mpsc::UnboundedSender<String>,
    waiting: Waiting,
    next: AtomicU64,
    _child: Child,
}

impl Node {
    /// Runs `script`, which serves storages.
    pub(crate) fn start(script: &Path) -> Result<Arc<Self>> {
        let mut child = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("node is needed")?;
        let (calls, to_write) = mpsc::unbounded_channel();
        let waiting = Waiting::default();
        tokio::spawn(write(child.stdin.take().context("it was piped")?, to_write));
        tokio::spawn(read(child.stdout.take().context("it was piped")?, Arc::clone(&waiting)));
        Ok(Arc::new(Self { calls, waiting, next: AtomicU64::new(1), _child: child }))
    }

    /// A number that no other call or storage has.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks without waiting: what is asked later is answered later.
    pub(crate) fn ask(&self, storage: u64, operation: &str, arguments: &Value) -> oneshot::Receiver<Value> {
        let (answer, answered) = oneshot::channel();
        let id = self.number();
        self.waiting.lock().unwrap().insert(id, answer);
        let call = json!({"id": id, "storage": storage, "operation": operation, "arguments": arguments});
        // a process that is gone drops whoever waits
        let _ = self.calls.send(format!("{call}\n"));
        answered
    }

    /// What an operation of a storage gives, or how it failed.
    pub(crate) async fn call(&self, storage: u64, operation: &str, arguments: Value) -> Result<Value, Value> {
        let answered = self.ask(storage, operation, &arguments).await;
        let mut answer = answered.map_err(|_| json!({"message": "the Node process has ended"}))?;
        match answer.get_mut("failed") {
            Some(failed) => Err(failed.take()),
            None => Ok(answer["done"].take()),
        }
    }
}

async fn write(mut stdin: ChildStdin, mut calls: mpsc::UnboundedReceiver<String>) {
    while let Some(call) = calls.recv().await {
        if stdin.write_all(call.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stdout: ChildStdout, waiting: Waiting) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(answer) = serde_json::from_str::<Value>(&line) else { break };
        let id = answer["id"].as_u64().unwrap_or_default();
        if let Some(waiter) = waiting.lock().unwrap().remove(&id) {
            // whoever asked may be gone
            let _ = waiter.send(answer);
        }
    }
    waiting.lock().unwrap().clear();
}
