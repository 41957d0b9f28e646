//! The gateway itself is killed in the middle of its work, on its own SQLite.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use penstock_tests::gateway::Builder;

use super::{Drill, WAVE};
use crate::metering::send_all;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed() -> Result<()> {
    let mut drill = Drill::start(Builder::new()?).await?;
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
    drill.gateway = Builder::on(data).upstream(&drill.upstream.url()).start().await?;
    drill.wave().await?;
    // the clients of a gateway that is gone see that; what they used is in the books all the same
    drill.finish("the gateway is killed and started again", over).await?.require_right_books()
}
