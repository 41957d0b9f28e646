//! What stays: over a restart, and when there is no more room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_storage::kv::{Keep, KvStore, Remaining, Ttl};
use penstock_storage::{ErrorKind, Result};

use super::lifetimes::lives;
use super::{Harness, get, gone, key, set};
use crate::{Failure, Outcome, equal, holds};

pub(super) async fn entries_survive(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let values = ["", "value", "a\0b", "🦀", "  "];
    for (index, value) in values.iter().enumerate() {
        set(&store, &format!("ключ {index}"), value).await?;
    }
    set(&store, "overwritten", "old").await?;
    set(&store, "overwritten", "new").await?;
    let large = "x".repeat(500_000);
    store.set(&key("large"), &large, Ttl::Forever, Keep::Volatile).await?;
    drop(store);
    let store = harness.reopen().await?;
    for (index, value) in values.iter().enumerate() {
        equal("the value", get(&store, &format!("ключ {index}")).await?.as_deref(), Some(*value))?;
    }
    equal("the last value", get(&store, "overwritten").await?.as_deref(), Some("new"))?;
    holds("the large one is there", get(&store, "large").await?.is_some_and(|found| found == large))
}

pub(super) async fn counters_go_on_after_a_restart(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for _ in 0..100 {
        store.incr(&key("counter"), 3, Ttl::Forever).await?;
    }
    holds("the lock is taken", store.set_nx(&key("lock"), "holder", Ttl::seconds(1_000)).await?)?;
    drop(store);
    let store = harness.reopen().await?;
    equal("the sum", store.incr(&key("counter"), 1, Ttl::Forever).await?, 301)?;
    holds("the lock is still taken", !store.set_nx(&key("lock"), "other", Ttl::seconds(1_000)).await?)
}

pub(super) async fn lifetimes_go_on_while_closed(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let before = Instant::now();
    let short = Duration::from_millis(700);
    store.set(&key("long"), "value", Ttl::seconds(100), Keep::Always).await?;
    store.set(&key("cleared"), "value", Ttl::For(short), Keep::Always).await?;
    set(&store, "cleared", "value").await?;
    store.set(&key("short"), "value", Ttl::For(short), Keep::Always).await?;
    let written = Instant::now();
    drop(store);
    let store = harness.reopen().await?;
    let opened = written.elapsed();
    lives(&store, "long", Duration::from_secs(100), before).await?;
    gone(&store, "short").await?;
    let in_time = written.elapsed() < short.max(opened) + Duration::from_secs(1);
    holds("the restart did not start its lifetime anew", in_time)?;
    equal("what has none", store.ttl(&key("cleared")).await?, Remaining::Forever)?;
    // what ended meanwhile stays gone
    drop(store);
    let store = harness.reopen().await?;
    equal("what ended", get(&store, "short").await?, None)
}

pub(super) async fn removed_entries_stay_removed(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for name in ["a", "b", "c"] {
        set(&store, name, "old").await?;
    }
    drop(store);
    let store = harness.reopen().await?;
    store.del(&key("a")).await?;
    store.set(&key("b"), "new", Ttl::Expired, Keep::Always).await?;
    drop(store);
    let store = harness.reopen().await?;
    equal("by del", get(&store, "a").await?, None)?;
    equal("by a lifetime that was over", get(&store, "b").await?, None)?;
    equal("another one", get(&store, "c").await?.as_deref(), Some("old"))
}

pub(super) async fn a_store_is_opened_again_and_again(harness: Arc<dyn Harness>) -> Outcome {
    let mut store = harness.store();
    for round in 1..=10 {
        equal("the sum", store.incr(&key("counter"), 1, Ttl::Forever).await?, round)?;
        drop(store);
        store = harness.reopen().await?;
    }
    Ok(())
}

/// No lock without its counter, nor the other way round.
pub(super) async fn what_is_not_kept_is_gone_whole(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    set(&store, "value", "old").await?;
    store.incr(&key("counter"), 41, Ttl::Forever).await?;
    store.set_nx(&key("lock"), "holder", Ttl::seconds(1_000)).await?;
    drop(store);
    let store = harness.reopen().await?;
    equal("the value", get(&store, "value").await?, None)?;
    equal("the counter", store.incr(&key("counter"), 1, Ttl::Forever).await?, 1)?;
    holds("the lock is free", store.set_nx(&key("lock"), "other", Ttl::seconds(1_000)).await?)
}

/// Room for a good number of entries of a kilobyte.
const ROOM: u64 = 64 * 1_024;

fn kilobyte() -> String {
    "x".repeat(1_024)
}

/// Writes entries that stay until one is refused; how many there are.
async fn fill(store: &Arc<dyn KvStore>) -> Result<usize, Failure> {
    for count in 0..1_000 {
        match set(store, &format!("fill-{count}"), &kilobyte()).await {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Full && count >= 10 => return Ok(count),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::new("expected no room for a megabyte in a store of 64 KiB"))
}

fn kind<T>(answer: Result<T>) -> Result<T, ErrorKind> {
    answer.map_err(|error| error.kind)
}

pub(super) async fn a_full_store_refuses_and_counts_on(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    store.incr(&key("counter"), 9, Ttl::Forever).await?;
    store.set_nx(&key("lock"), "holder", Ttl::seconds(1_000)).await?;
    let count = fill(&store).await?;
    // none was dropped for another
    for index in 0..count {
        holds("each entry is there", get(&store, &format!("fill-{index}")).await?.is_some())?;
    }
    equal("the lock", get(&store, "lock").await?.as_deref(), Some("holder"))?;
    // the number gets longer, and still has room
    for by in [1, 90, 1_000_000_000, i64::MAX - 1_000_000_100] {
        holds("the counter counts", store.incr(&key("counter"), by, Ttl::Forever).await.is_ok())?;
    }
    equal("the counter", get(&store, "counter").await?, Some(i64::MAX.to_string()))
}

pub(super) async fn a_refused_write_changes_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    set(&store, "small", "value").await?;
    fill(&store).await?;
    let value = kilobyte();
    let full = ErrorKind::Full;
    equal("set", kind(set(&store, "new", &value).await), Err(full))?;
    equal("set_nx", kind(store.set_nx(&key("new"), &value, Ttl::seconds(9)).await), Err(full))?;
    equal("cas", kind(store.cas(&key("new"), None, &value, Ttl::Forever).await), Err(full))?;
    let volatile = store.set(&key("new"), &value, Ttl::Forever, Keep::Volatile).await;
    equal("set of a volatile one", kind(volatile), Err(full))?;
    equal("the entry", get(&store, "new").await?, None)?;
    // nor does one that would grow
    let long = value.repeat(4);
    let grown = store.cas(&key("small"), Some("value"), &long, Ttl::Forever).await;
    equal("cas of a small one", kind(grown), Err(full))?;
    equal("set of a small one", kind(set(&store, "small", &long).await), Err(full))?;
    equal("the small one", get(&store, "small").await?.as_deref(), Some("value"))?;
    // one that does not grow is no matter of room
    set(&store, "small", "other").await?;
    Ok(set(&store, "fill-0", &value.replace('x', "y")).await?)
}

pub(super) async fn room_comes_back(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    let count = fill(&store).await?;
    for _ in 0..3 {
        for index in 0..count {
            store.del(&key(&format!("fill-{index}"))).await?;
        }
        equal("how many fit again", fill(&store).await?, count)?;
    }
    Ok(())
}

pub(super) async fn what_has_ended_makes_room(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    let large = "x".repeat(40 * 1_024);
    store.set(&key("large"), &large, Ttl::For(Duration::from_millis(300)), Keep::Always).await?;
    equal("a second one", kind(set(&store, "second", &large).await), Err(ErrorKind::Full))?;
    gone(&store, "large").await?;
    equal("one after the end", kind(set(&store, "second", &large).await), Ok(()))
}

async fn fill_volatile(store: &Arc<dyn KvStore>) -> Result<()> {
    for index in 0..100 {
        store.set(&key(&format!("cache-{index}")), &kilobyte(), Ttl::seconds(1_000), Keep::Volatile).await?;
        if index % 10 == 0 {
            // rewritten all the time, so never old
            store.set(&key("hot"), &kilobyte(), Ttl::seconds(1_000), Keep::Volatile).await?;
        }
    }
    Ok(())
}

/// Which of the hundred are there.
async fn cached(store: &Arc<dyn KvStore>) -> Result<Vec<usize>> {
    let mut there = Vec::new();
    for index in 0..100 {
        if get(store, &format!("cache-{index}")).await?.is_some() {
            there.push(index);
        }
    }
    Ok(there)
}

pub(super) async fn volatile_entries_go_oldest_first(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    store.incr(&key("counter"), 9, Ttl::Forever).await?;
    store.set_nx(&key("lock"), "holder", Ttl::seconds(1_000)).await?;
    fill_volatile(&store).await?;
    let there = cached(&store).await?;
    holds("some had to go, and many stay", there.len() > 10 && there.len() < 100)?;
    let newest: Vec<_> = (100 - there.len()..100).collect();
    equal("those that stay", there, newest)?;
    holds("what was just rewritten is not old", get(&store, "hot").await?.is_some())?;
    equal("the counter", get(&store, "counter").await?.as_deref(), Some("9"))?;
    equal("the lock", get(&store, "lock").await?.as_deref(), Some("holder"))
}

pub(super) async fn volatile_entries_make_room_for_others(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    let alone = fill(&store).await?;
    let store = harness.bounded(ROOM).await?;
    fill_volatile(&store).await?;
    equal("as many fit as into an empty one", fill(&store).await?, alone)?;
    equal("how many that may go are left", cached(&store).await?.len(), 0)
}

pub(super) async fn a_counter_is_never_volatile(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    for name in ["counted", "swapped", "rewritten", "left"] {
        store.set(&key(name), "1", Ttl::Forever, Keep::Volatile).await?;
    }
    store.incr(&key("counted"), 1, Ttl::Forever).await?;
    store.cas(&key("swapped"), Some("1"), "2", Ttl::Forever).await?;
    set(&store, "rewritten", "2").await?;
    fill_volatile(&store).await?;
    for name in ["counted", "swapped", "rewritten"] {
        equal(name, get(&store, name).await?.as_deref(), Some("2"))?;
    }
    equal("the one that was left as it was", get(&store, "left").await?, None)
}

pub(super) async fn a_value_larger_than_the_store_is_refused(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(ROOM).await?;
    store.set(&key("cache"), "value", Ttl::Forever, Keep::Volatile).await?;
    let large = kilobyte().repeat(100);
    for keep in [Keep::Always, Keep::Volatile] {
        let answer = store.set(&key("large"), &large, Ttl::Forever, keep).await;
        equal("the answer", kind(answer), Err(ErrorKind::Full))?;
    }
    equal("nothing went for it", get(&store, "cache").await?.as_deref(), Some("value"))
}

pub(super) async fn a_server_without_room_refuses(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.bounded(4 * ROOM).await?;
    let count = fill(&store).await?;
    let volatile = store.set(&key("new"), &kilobyte(), Ttl::Forever, Keep::Volatile).await;
    equal("set", kind(volatile), Err(ErrorKind::Full))?;
    equal("cas", kind(store.cas(&key("new"), None, &kilobyte(), Ttl::Forever).await), Err(ErrorKind::Full))?;
    for index in 0..count {
        holds("each entry is there", get(&store, &format!("fill-{index}")).await?.is_some())?;
    }
    for index in 0..count {
        store.del(&key(&format!("fill-{index}"))).await?;
    }
    Ok(set(&store, "new", &kilobyte()).await?)
}
