//! Counting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_storage::ErrorKind;
use penstock_storage::kv::{Keep, KvStore, Remaining, Ttl};

use super::lifetimes::lives;
use super::{Harness, at_once, ended, get, key, set};
use crate::{Outcome, equal, holds};

async fn incr(store: &Arc<dyn KvStore>, name: &str, by: i64) -> Result<i64, ErrorKind> {
    store.incr(&key(name), by, Ttl::Forever).await.map_err(|error| error.kind)
}

/// The same with a lifetime, which other commands may do.
async fn incr_for(store: &Arc<dyn KvStore>, name: &str, by: i64) -> Result<i64, ErrorKind> {
    store.incr(&key(name), by, Ttl::seconds(1_000)).await.map_err(|error| error.kind)
}

pub(super) async fn incr_starts_at_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    equal("by 1", incr(&store, "up", 1).await, Ok(1))?;
    equal("by -5", incr(&store, "down", -5).await, Ok(-5))?;
    equal("by 0", incr(&store, "zero", 0).await, Ok(0))?;
    equal("the entry of 0", get(&store, "zero").await?.as_deref(), Some("0"))?;
    equal("with a lifetime", incr_for(&store, "for", 3).await, Ok(3))?;
    equal("its lifetime without one", store.ttl(&key("up")).await?, Remaining::Forever)
}

pub(super) async fn incr_adds_to_what_is_there(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for (by, sum) in [(5, 5), (10, 15), (-20, -5), (1_000_000, 999_995), (-999_995, 0)] {
        equal("the sum", incr(&store, "key", by).await, Ok(sum))?;
        equal("the sum with a lifetime", incr_for(&store, "other", by).await, Ok(sum))?;
    }
    set(&store, "key", "41").await?;
    equal("of a number that was written", incr(&store, "key", 1).await, Ok(42))
}

pub(super) async fn incr_by_nothing_is_a_read(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    incr(&store, "key", 7).await.ok();
    equal("by 0", incr(&store, "key", 0).await, Ok(7))?;
    equal("by 0 with a lifetime", incr_for(&store, "key", 0).await, Ok(7))?;
    equal("the lifetime", store.ttl(&key("key")).await?, Remaining::Forever)
}

pub(super) async fn incr_is_read_as_a_text(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for (by, text) in [(-3, "-3"), (3, "0"), (1_000, "1000")] {
        incr(&store, "key", by).await.ok();
        equal("the value", get(&store, "key").await?.as_deref(), Some(text))?;
    }
    Ok(())
}

pub(super) async fn incr_counts_past_the_precision_of_floats(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let large = (1_i64 << 53) + 1;
    for lifetime in [Ttl::Forever, Ttl::seconds(1_000)] {
        store.del(&key("key")).await?;
        equal("a new one", store.incr(&key("key"), large, lifetime).await?, large)?;
        equal("and 1", store.incr(&key("key"), 1, lifetime).await?, large + 1)?;
        equal("and 2^53 + 1", store.incr(&key("key"), large, lifetime).await?, 2 * large + 1)?;
        equal("the value", get(&store, "key").await?, Some((2 * large + 1).to_string()))?;
    }
    Ok(())
}

pub(super) async fn incr_gives_a_lifetime_to_a_new_entry_only(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let lifetime = Duration::from_millis(100_500);
    let before = Instant::now();
    store.incr(&key("key"), 1, Ttl::For(lifetime)).await?;
    lives(&store, "key", lifetime, before).await?;
    for other in [Ttl::seconds(9_000), Ttl::Forever, Ttl::Expired] {
        store.incr(&key("key"), 1, other).await?;
        lives(&store, "key", lifetime, before).await?;
    }
    equal("the value", get(&store, "key").await?.as_deref(), Some("4"))?;
    set(&store, "forever", "1").await?;
    store.incr(&key("forever"), 1, Ttl::seconds(100)).await?;
    equal("of one without an end", store.ttl(&key("forever")).await?, Remaining::Forever)
}

pub(super) async fn incr_that_is_over_leaves_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    equal("the sum", store.incr(&key("key"), 5, Ttl::Expired).await?, 5)?;
    equal("the entry", get(&store, "key").await?, None)?;
    equal("the sum again", store.incr(&key("key"), 5, Ttl::Expired).await?, 5)
}

pub(super) async fn incr_starts_anew_after_the_end(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    ended(&store, "key", "100").await?;
    equal("the sum", incr(&store, "key", 1).await, Ok(1))?;
    equal("the lifetime", store.ttl(&key("key")).await?, Remaining::Forever)?;
    ended(&store, "text", "not a number").await?;
    let before = Instant::now();
    equal("the sum", incr_for(&store, "text", 1).await, Ok(1))?;
    lives(&store, "text", Duration::from_secs(1_000), before).await
}

pub(super) async fn incr_of_no_number_is_a_conflict(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let values = [
        "",
        " ",
        "a",
        "1.5",
        "1.0",
        "1e3",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "007",
        "00",
        "-0",
        "--1",
        "-",
        "0x1",
        "1_000",
        "١",
        "null",
        "9223372036854775808",
        "-9223372036854775809",
        "1\0",
    ];
    for value in values {
        let before = Instant::now();
        store.set(&key("key"), value, Ttl::seconds(100), Keep::Always).await?;
        for by in [1, 0] {
            equal(value, incr(&store, "key", by).await, Err(ErrorKind::Conflict))?;
            equal(value, incr_for(&store, "key", by).await, Err(ErrorKind::Conflict))?;
        }
        equal("the value", get(&store, "key").await?.as_deref(), Some(value))?;
        lives(&store, "key", Duration::from_secs(100), before).await?;
    }
    Ok(())
}

pub(super) async fn incr_beyond_64_bits_is_a_conflict(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let cases = [(i64::MAX, 1), (i64::MIN, -1), (i64::MAX, i64::MAX), (i64::MIN, i64::MIN), (1, i64::MAX)];
    for (number, by) in cases {
        set(&store, "key", &number.to_string()).await?;
        equal("the sum", incr(&store, "key", by).await, Err(ErrorKind::Conflict))?;
        equal("the sum with a lifetime", incr_for(&store, "key", by).await, Err(ErrorKind::Conflict))?;
        equal("the value", get(&store, "key").await?, Some(number.to_string()))?;
    }
    Ok(())
}

pub(super) async fn incr_reaches_both_ends(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for (by, rest, end) in [(i64::MAX - 1, 1, i64::MAX), (i64::MIN + 1, -1, i64::MIN)] {
        for lifetime in [Ttl::Forever, Ttl::seconds(1_000)] {
            store.del(&key("key")).await?;
            equal("nearly", store.incr(&key("key"), by, lifetime).await?, by)?;
            equal("the end", store.incr(&key("key"), rest, lifetime).await?, end)?;
            equal("the value", get(&store, "key").await?, Some(end.to_string()))?;
            equal(
                "in one step from nothing",
                {
                    store.del(&key("key")).await?;
                    store.incr(&key("key"), end, lifetime).await?
                },
                end,
            )?;
        }
    }
    Ok(())
}

pub(super) async fn incr_loses_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let count = |_| {
        let store = Arc::clone(&store);
        async move { store.incr(&key("key"), 1, Ttl::seconds(1_000)).await }
    };
    let mut sums = at_once(1_000, count).await?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("1000"))?;
    sums.sort_unstable();
    holds("each sum was given once", sums.into_iter().eq(1..=1_000))
}

pub(super) async fn incr_of_many_keys_loses_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let count = |index: usize| {
        let store = Arc::clone(&store);
        async move {
            for step in 0..5 {
                let name = format!("key-{}", (index + step) % 5);
                store.incr(&key(&name), if index.is_multiple_of(2) { 3 } else { -1 }, Ttl::Forever).await?;
            }
            Ok(())
        }
    };
    at_once(100, count).await?;
    for index in 0..5 {
        // 50 of 3 and 50 of -1 each
        equal("the value", get(&store, &format!("key-{index}")).await?.as_deref(), Some("100"))?;
    }
    Ok(())
}
