//! The gateway itself is killed in the middle of its work, on a store of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use penstock_tests::gateway::Builder;

use super::{Drill, WAVE};
use crate::metering::send_all;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_on_sqlite_that_is_killed() -> Result<()> {
    is_killed("SQLite", "db").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_on_files_that_is_killed() -> Result<()> {
    is_killed("files", "file").await
}

async fn is_killed(name: &str, persistence: &str) -> Result<()> {
    let mut drill = Drill::start(Builder::new()?.set("persistence", persistence)).await?;
    drill.wave().await?;
    let done = Arc::<AtomicUsize>::default();
    let numbers = drill.requests..drill.requests + 2 * WAVE;
    let sent = tokio::spawn({
        let (url, done) = (drill.gateway.url().to_owned(), Arc::clone(&done));
        async move { send_all(&url, numbers, &done).await }
    });
    while done.load(Ordering::Relaxed) < WAVE {
        tokio::task::yield_now().await;
    }
    let over = Instant::now();
    let data = drill.gateway.kill()?;
    let answered = sent.await??;
    drill.requests += 2 * WAVE;
    drill.client_errors += 2 * WAVE - answered.len();
    ensure!(drill.client_errors > 0, "the kill came in the middle");
    let again = Builder::on(data).upstream(&drill.upstream.url()).set("persistence", persistence);
    drill.gateway = again.start().await?;
    drill.wave().await?;
    // the clients of a gateway that is gone see that; what they used is in the books all the same
    drill
        .finish(&format!("the gateway is killed and started again, on {name}"), over)
        .await?
        .require_right_books()
}
