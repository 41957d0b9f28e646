//! How an outage begins and ends, and what it costs.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use penstock_storage::blob::Key as BlobKey;
use penstock_storage::db::TableQuery;
use penstock_storage::degrade::{BLOB_TIMEOUT, DB_TIMEOUT, KV_TIMEOUT};
use penstock_storage::kv::{Keep, Key, Ttl};
use penstock_storage::{ErrorKind, StorageAdapter};
use serde_json::json;

use super::answers::{fill, is_as_filled};
use super::{Harness, until_it_is_back};
use crate::fault::Fault;
use crate::{Failure, Outcome, equal, holds};

/// What a call may take beyond its timeout on a machine that does other things too.
const SLACK: Duration = Duration::from_secs(2);
/// No call of many that know can take longer together.
const NOTHING: Duration = Duration::from_millis(200);

/// What a caller may wait for each part.
const TIMEOUTS: [Duration; 3] = [KV_TIMEOUT, DB_TIMEOUT, BLOB_TIMEOUT];

/// Reads from every part at once; how long each took. What they answer is looked at elsewhere.
async fn read(adapter: &StorageAdapter) -> [Duration; 3] {
    let start = Instant::now();
    let kv = async {
        let _ = adapter.kv().get(&Key::new("key").expect("it is a key")).await;
        start.elapsed()
    };
    let database = async {
        let _ = TableQuery::on(adapter.database(), "notes").select("*").run().await;
        start.elapsed()
    };
    let blob = async {
        let _ = adapter.blob().get(&BlobKey::new("folder/file").expect("it is a key")).await;
        start.elapsed()
    };
    tokio::join!(kv, database, blob).into()
}

/// Whether none took longer than it may.
fn in_time(took: [Duration; 3]) -> Outcome {
    let is_late = |(took, timeout): (Duration, Duration)| took >= timeout + SLACK;
    holds(
        &format!("nothing takes longer than {TIMEOUTS:?}: {took:?}"),
        !took.into_iter().zip(TIMEOUTS).any(is_late),
    )
}

/// The backends are there again, and what was in them.
async fn back(harness: &Arc<dyn Harness>) -> Outcome {
    harness.set(Fault::None);
    until_it_is_back(harness).await?;
    is_as_filled(harness).await
}

pub(super) async fn a_backend_that_hangs_costs_one_timeout(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    harness.set(Fault::Stall);
    let took = read(harness.adapter()).await;
    in_time(took)?;
    holds("they waited", took.into_iter().zip(TIMEOUTS).all(|(took, timeout)| took >= timeout / 2))?;
    let start = Instant::now();
    for _ in 0..50 {
        read(harness.adapter()).await;
    }
    holds("what is known costs nothing", start.elapsed() < NOTHING)?;
    back(&harness).await
}

pub(super) async fn a_hundred_callers_wait_at_the_same_time(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    harness.set(Fault::Stall);
    for took in join_all((0..100).map(|_| read(harness.adapter()))).await {
        in_time(took)?;
    }
    back(&harness).await
}

pub(super) async fn a_slow_backend_is_no_outage(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    harness.set(Fault::Slow(KV_TIMEOUT / 10));
    is_as_filled(&harness).await?;
    holds("every part works", harness.adapter().health().is_ok())
}

pub(super) async fn what_a_backend_refuses_is_no_outage(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    let (adapter, key) = (harness.adapter(), Key::new("text")?);
    adapter.kv().set(&key, "no number", Ttl::Forever, Keep::Always).await?;
    let incr = adapter.kv().incr(&key, 1, Ttl::Forever).await.err().map(|error| error.kind);
    equal("incr", incr, Some(ErrorKind::Conflict))?;
    adapter.kv().del(&key).await?;
    let taken = TableQuery::on(adapter.database(), "notes").insert(json!({"id": "a"})).run().await;
    equal("insert", taken.code(), Some("23505"))?;
    let raw = adapter.database().raw("SELECT * FROM nowhere", &[]).await.err().map(|error| error.code);
    equal("raw", raw.as_deref(), Some("42P01"))?;
    holds("every part works", adapter.health().is_ok())?;
    is_as_filled(&harness).await
}

pub(super) async fn recovery_is_noticed_by_itself(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    harness.set(Fault::Cut);
    holds("it is noticed", !harness.adapter().check().await.is_ok())?;
    // longer than any pause between two probes
    tokio::time::sleep(Duration::from_secs(3)).await;
    holds("nobody is there", !harness.adapter().health().is_ok())?;
    back(&harness).await
}

pub(super) async fn it_goes_down_and_comes_back_again_and_again(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    for _ in 0..3 {
        harness.set(Fault::Cut);
        in_time(read(harness.adapter()).await)?;
        holds("it is noticed", !harness.adapter().health().is_ok())?;
        back(&harness).await?;
    }
    Ok(())
}

/// In milliseconds since 1970.
fn now() -> Result<i128, Failure> {
    Ok(i128::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?)
}

pub(super) async fn health_tells_what_is_down_since_when_and_why(harness: Arc<dyn Harness>) -> Outcome {
    fill(&harness).await?;
    let before = now()?;
    harness.set(Fault::Cut);
    read(harness.adapter()).await;
    let first = harness.adapter().health();
    for (part, health) in &first.parts {
        let trouble = health.trouble.as_ref().ok_or_else(|| Failure::new(format!("{part} is well")))?;
        holds("since when", (before..=now()?).contains(&i128::from(trouble.since.0)))?;
        holds("why, and on what", !trouble.why.is_empty() && !health.backend.is_empty())?;
    }
    equal("the parts", first.parts.clone().map(|(part, _)| part), ["kv", "db", "blob"])?;
    // it is one incident, with one beginning and one reason
    tokio::time::sleep(Duration::from_millis(300)).await;
    read(harness.adapter()).await;
    equal("later", harness.adapter().health().parts, first.parts)?;
    back(&harness).await
}
