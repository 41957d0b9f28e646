//! How long entries live.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_storage::ErrorKind;
use penstock_storage::kv::{Keep, KvStore, Remaining, Ttl};

use super::{Harness, LOOK, PATIENCE, get, gone, key, set};
use crate::{Failure, Outcome, equal, holds};

/// What two clocks may differ by within a second.
const DRIFT: Duration = Duration::from_millis(50);
/// "To the second": an entry may be seen so long after its end, at most.
const SECOND: Duration = Duration::from_secs(1);

/// The seconds that are left must be those of a lifetime that was given between `before` and now.
pub(super) async fn lives(
    store: &Arc<dyn KvStore>,
    name: &str,
    lifetime: Duration,
    before: Instant,
) -> Outcome {
    let found = store.ttl(&key(name)).await?;
    let seconds = |left: Duration| left.as_millis().div_ceil(1_000);
    let least = seconds(lifetime.saturating_sub(before.elapsed() + DRIFT));
    let most = seconds(lifetime);
    match found {
        Remaining::Seconds(left) if (least..=most).contains(&u128::from(left)) => Ok(()),
        _ => {
            Err(Failure::new(format!("expected from {least} to {most} s left of {name:?}, found {found:?}")))
        }
    }
}

pub(super) async fn ttl_tells_missing_from_forever(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    set(&store, "key", "value").await?;
    let missing = store.ttl(&key("missing")).await?;
    equal("of a key nobody wrote", (missing, missing.as_seconds()), (Remaining::Missing, -2))?;
    let forever = store.ttl(&key("key")).await?;
    equal("of one without an end", (forever, forever.as_seconds()), (Remaining::Forever, -1))?;
    super::ended(&store, "ended", "value").await?;
    equal("of one that has ended", store.ttl(&key("ended")).await?, Remaining::Missing)
}

pub(super) async fn ttl_is_rounded_up(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for (name, lifetime) in [("long", Duration::from_millis(90_900)), ("short", Duration::from_millis(1_900))]
    {
        let before = Instant::now();
        store.set(&key(name), "value", Ttl::For(lifetime), Keep::Always).await?;
        lives(&store, name, lifetime, before).await?;
    }
    // while it is there it has at least a second, and then it is missing
    let start = Instant::now();
    loop {
        match store.ttl(&key("short")).await? {
            Remaining::Seconds(1 | 2) => {}
            Remaining::Missing => return Ok(()),
            other => return Err(Failure::new(format!("expected 1 or 2 s left, or none, found {other:?}"))),
        }
        holds("it ends", start.elapsed() < PATIENCE)?;
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn an_entry_ends_to_the_second(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let lifetime = Duration::from_secs(2);
    let before = Instant::now();
    store.set(&key("key"), "value", Ttl::seconds(2), Keep::Always).await?;
    let written = Instant::now();
    loop {
        let asked = Instant::now();
        if get(&store, "key").await?.is_none() {
            return holds("it lived for its lifetime", before.elapsed() + DRIFT >= lifetime);
        }
        let late = asked.duration_since(written);
        holds("it is gone within a second of its end", late < lifetime + SECOND)?;
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn set_without_a_lifetime_clears_one(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    store.set(&key("key"), "old", Ttl::For(Duration::from_millis(700)), Keep::Always).await?;
    // beside it one that keeps its end, so that it is known when that has passed
    store.set(&key("beside"), "old", Ttl::For(Duration::from_millis(700)), Keep::Always).await?;
    set(&store, "key", "new").await?;
    equal("its lifetime", store.ttl(&key("key")).await?, Remaining::Forever)?;
    gone(&store, "beside").await?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("new"))
}

pub(super) async fn set_gives_a_new_lifetime(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for lifetime in [100, 5_000, 50].map(Duration::from_secs) {
        let before = Instant::now();
        store.set(&key("key"), "value", Ttl::For(lifetime), Keep::Always).await?;
        lives(&store, "key", lifetime, before).await?;
    }
    Ok(())
}

pub(super) async fn set_that_is_over_removes(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    store.set(&key("missing"), "value", Ttl::Expired, Keep::Always).await?;
    equal("one that was not there", get(&store, "missing").await?, None)?;
    for keep in [Keep::Always, Keep::Volatile] {
        set(&store, "key", "old").await?;
        store.set(&key("key"), "new", Ttl::Expired, keep).await?;
        equal("the entry", get(&store, "key").await?, None)?;
        equal("its lifetime", store.ttl(&key("key")).await?, Remaining::Missing)?;
    }
    Ok(())
}

pub(super) async fn the_shortest_lifetime_ends(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for lifetime in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)] {
        store.set(&key("key"), "value", Ttl::For(lifetime), Keep::Always).await?;
        gone(&store, "key").await?;
    }
    Ok(())
}

pub(super) async fn the_longest_lifetime_is_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for lifetime in [Duration::from_secs(1_000_000_000_000), Duration::MAX] {
        store.set(&key("key"), "value", Ttl::For(lifetime), Keep::Always).await?;
        equal("the value", get(&store, "key").await?.as_deref(), Some("value"))?;
        let Remaining::Seconds(left) = store.ttl(&key("key")).await? else {
            return Err(Failure::new("expected a lifetime with an end"));
        };
        holds("it lives for a thousand years", left > 1_000 * 365 * 24 * 3_600)?;
    }
    Ok(())
}

pub(super) async fn del_takes_the_lifetime_along(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    store.set(&key("key"), "old", Ttl::seconds(100), Keep::Always).await?;
    store.del(&key("key")).await?;
    equal("after del", store.ttl(&key("key")).await?, Remaining::Missing)?;
    set(&store, "key", "new").await?;
    equal("of the next one", store.ttl(&key("key")).await?, Remaining::Forever)
}

pub(super) async fn lifetimes_from_seconds(_: Arc<dyn Harness>) -> Outcome {
    let from = |seconds| Ttl::from_seconds(seconds).map_err(|error| error.kind);
    equal("none", from(None), Ok(Ttl::Forever))?;
    equal("0", from(Some(0.0)), Ok(Ttl::Forever))?;
    equal("-0", from(Some(-0.0)), Ok(Ttl::Forever))?;
    equal("1.5", from(Some(1.5)), Ok(Ttl::For(Duration::from_millis(1_500))))?;
    equal("a negative one", from(Some(-1.0)), Ok(Ttl::Expired))?;
    for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        equal("one that is not finite", from(Some(seconds)), Err(ErrorKind::Invalid))?;
    }
    holds("a tiny one has an end", matches!(from(Some(1e-300)), Ok(Ttl::For(_))))?;
    equal("a huge one", from(Some(1e300)), Ok(Ttl::Forever))
}
