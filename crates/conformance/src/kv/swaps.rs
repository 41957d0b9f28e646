//! Writing on a condition.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_storage::kv::{Keep, Remaining, Ttl};

use super::lifetimes::lives;
use super::{Harness, at_once, ended, get, key, set};
use crate::{Outcome, equal, holds};

pub(super) async fn set_nx_writes_what_is_missing_only(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    equal("of a missing entry", store.set_nx(&key("key"), "first", Ttl::Forever).await?, true)?;
    equal("of one that is there", store.set_nx(&key("key"), "second", Ttl::seconds(9)).await?, false)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("first"))?;
    equal("the lifetime", store.ttl(&key("key")).await?, Remaining::Forever)?;
    set(&store, "empty", "").await?;
    equal("of an empty value", store.set_nx(&key("empty"), "second", Ttl::Forever).await?, false)?;
    store.del(&key("key")).await?;
    equal("after del", store.set_nx(&key("key"), "third", Ttl::Forever).await?, true)
}

pub(super) async fn set_nx_takes_what_has_ended(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    ended(&store, "key", "old").await?;
    equal("whether it wrote", store.set_nx(&key("key"), "new", Ttl::Forever).await?, true)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("new"))?;
    equal("the lifetime", store.ttl(&key("key")).await?, Remaining::Forever)
}

pub(super) async fn set_nx_sets_the_lifetime(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let lifetime = Duration::from_millis(100_500);
    let before = Instant::now();
    store.set_nx(&key("key"), "value", Ttl::For(lifetime)).await?;
    lives(&store, "key", lifetime, before).await?;
    // the loser leaves the lifetime as it is
    store.set_nx(&key("key"), "other", Ttl::seconds(5_000)).await?;
    lives(&store, "key", lifetime, before).await?;
    // a lock whose holder died is free again
    holds("it is taken", store.set_nx(&key("lock"), "a", Ttl::For(Duration::from_millis(300))).await?)?;
    super::gone(&store, "lock").await?;
    holds("it is taken again", store.set_nx(&key("lock"), "b", Ttl::seconds(100)).await?)
}

pub(super) async fn set_nx_that_is_over_leaves_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    equal("of a missing entry", store.set_nx(&key("key"), "value", Ttl::Expired).await?, true)?;
    equal("the entry", get(&store, "key").await?, None)?;
    set(&store, "key", "old").await?;
    equal("of one that is there", store.set_nx(&key("key"), "new", Ttl::Expired).await?, false)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("old"))
}

pub(super) async fn set_nx_has_one_winner(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for round in 0..3 {
        let name = format!("lock-{round}");
        let try_lock = |index: usize| {
            let (store, name) = (Arc::clone(&store), name.clone());
            async move { store.set_nx(&key(&name), &index.to_string(), Ttl::seconds(100)).await }
        };
        let won = at_once(100, try_lock).await?;
        let winners: Vec<_> = (0..100).filter(|index| won[*index]).collect();
        equal("the winners", winners.len(), 1)?;
        equal("the value", get(&store, &name).await?, Some(winners[0].to_string()))?;
    }
    Ok(())
}

pub(super) async fn cas_of_a_missing_entry(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let swap = |expected, value| {
        let store = Arc::clone(&store);
        async move { store.cas(&key("key"), expected, value, Ttl::Forever).await }
    };
    equal("with a value expected", swap(Some("a"), "b").await?, false)?;
    equal("with an empty value expected", swap(Some(""), "b").await?, false)?;
    equal("the entry", get(&store, "key").await?, None)?;
    equal("with none expected", swap(None, "a").await?, true)?;
    equal("with none expected, again", swap(None, "b").await?, false)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("a"))
}

pub(super) async fn cas_of_another_value_changes_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let before = Instant::now();
    store.set(&key("key"), "a", Ttl::seconds(100), Keep::Always).await?;
    equal("whether it wrote", store.cas(&key("key"), Some("b"), "c", Ttl::Forever).await?, false)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("a"))?;
    lives(&store, "key", Duration::from_secs(100), before).await?;
    equal("of the right value", store.cas(&key("key"), Some("a"), "c", Ttl::Forever).await?, true)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("c"))?;
    equal("of the old value", store.cas(&key("key"), Some("a"), "d", Ttl::Forever).await?, false)
}

pub(super) async fn cas_compares_whole_values(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for value in ["", "a", "1", "a\0b", "é🦀", " a", "false", "nil"] {
        set(&store, "key", value).await?;
        for other in
            [format!("{value}x"), format!("{value}\0"), format!(" {value}"), value.to_uppercase() + "!"]
        {
            let swapped = store.cas(&key("key"), Some(&other), "new", Ttl::Forever).await?;
            holds(&format!("{other:?} is not {value:?}"), !swapped)?;
        }
        holds("a value is not none", !store.cas(&key("key"), None, "new", Ttl::Forever).await?)?;
        let swapped = store.cas(&key("key"), Some(value), "new", Ttl::Forever).await?;
        holds(&format!("{value:?} is itself"), swapped)?;
    }
    // a number that is counted and one that is written are the same text
    store.incr(&key("number"), 7, Ttl::Forever).await?;
    equal("of a counter", store.cas(&key("number"), Some("7"), "8", Ttl::Forever).await?, true)?;
    equal("the counter", store.incr(&key("number"), 1, Ttl::Forever).await?, 9)
}

pub(super) async fn cas_gives_a_new_lifetime(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let lifetime = Duration::from_millis(100_500);
    let before = Instant::now();
    store.cas(&key("key"), None, "a", Ttl::For(lifetime)).await?;
    lives(&store, "key", lifetime, before).await?;
    let before = Instant::now();
    store.cas(&key("key"), Some("a"), "b", Ttl::seconds(9_001)).await?;
    lives(&store, "key", Duration::from_secs(9_001), before).await?;
    store.cas(&key("key"), Some("b"), "b", Ttl::Forever).await?;
    equal("cleared", store.ttl(&key("key")).await?, Remaining::Forever)
}

pub(super) async fn cas_that_is_over_removes(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    set(&store, "key", "a").await?;
    equal("of another value", store.cas(&key("key"), Some("b"), "c", Ttl::Expired).await?, false)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("a"))?;
    equal("of the right value", store.cas(&key("key"), Some("a"), "c", Ttl::Expired).await?, true)?;
    equal("the entry", get(&store, "key").await?, None)?;
    equal("of a missing entry", store.cas(&key("key"), None, "c", Ttl::Expired).await?, true)?;
    equal("the entry", get(&store, "key").await?, None)
}

pub(super) async fn cas_takes_what_has_ended_as_missing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    ended(&store, "key", "old").await?;
    equal("with the old value", store.cas(&key("key"), Some("old"), "new", Ttl::Forever).await?, false)?;
    equal("the entry", get(&store, "key").await?, None)?;
    equal("with none", store.cas(&key("key"), None, "new", Ttl::Forever).await?, true)?;
    equal("the value", get(&store, "key").await?.as_deref(), Some("new"))
}

pub(super) async fn cas_of_none_has_one_winner(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let swap = |index: usize| {
        let store = Arc::clone(&store);
        async move { store.cas(&key("key"), None, &index.to_string(), Ttl::Forever).await }
    };
    let won = at_once(100, swap).await?;
    equal("the winners", won.iter().filter(|won| **won).count(), 1)
}

pub(super) async fn cas_loops_lose_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    set(&store, "key", "0").await?;
    let count = |_| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..5 {
                loop {
                    let found = store.get(&key("key")).await?.unwrap_or_default();
                    let next = found.parse::<u64>().map_or(0, |number| number + 1).to_string();
                    if store.cas(&key("key"), Some(&found), &next, Ttl::Forever).await? {
                        break;
                    }
                }
            }
            Ok(())
        }
    };
    at_once(20, count).await?;
    equal("the sum", get(&store, "key").await?.as_deref(), Some("100"))
}
