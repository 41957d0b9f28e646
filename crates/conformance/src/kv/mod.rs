//! What holds for every key-value store.

mod counters;
mod entries;
mod keeping;
mod lifetimes;
mod swaps;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use penstock_storage::Result;
use penstock_storage::kv::{Keep, Key, KvStore, Ttl};

use crate::Failure;
use crate::case::cases;

#[allow(clippy::wildcard_imports, reason = "the table below says which cases there are")]
use self::{counters::*, entries::*, keeping::*, lifetimes::*, swaps::*};

/// A backend under test, with a namespace that no other case uses.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn KvStore>;

    /// The same store, opened anew after all users of the old one are gone. The store of before is not used
    /// again.
    async fn reopen(&self) -> Result<Arc<dyn KvStore>, Failure> {
        Err(Failure::new("this harness cannot open its store anew"))
    }

    /// Another store, empty and with room for about so many bytes: exactly, if it is
    /// [`Bounded`](crate::Capability::Bounded), else beside what its server needs itself.
    async fn bounded(&self, _bytes: u64) -> Result<Arc<dyn KvStore>, Failure> {
        Err(Failure::new("this harness cannot bound a store"))
    }
}

cases! {
    "kv", dyn Harness:

    a_missing_entry_is_none;
    a_value_is_read_as_it_was_written;
    a_value_is_overwritten;
    an_empty_value_is_a_value;
    values_of_any_unicode_are_kept;
    a_value_of_two_megabytes_is_kept;
    keys_of_any_unicode_are_kept;
    keys_are_meant_literally;
    keys_differ_by_every_byte;
    the_longest_key_works;
    keys_of_no_length_or_too_long_are_refused;
    del_removes_and_a_missing_entry_is_no_error;
    many_entries_are_kept_apart;
    the_backend_has_a_name_and_is_well;

    ttl_tells_missing_from_forever;
    ttl_is_rounded_up;
    an_entry_ends_to_the_second;
    set_without_a_lifetime_clears_one;
    set_gives_a_new_lifetime;
    set_that_is_over_removes;
    the_shortest_lifetime_ends;
    the_longest_lifetime_is_kept;
    del_takes_the_lifetime_along;
    lifetimes_from_seconds;

    set_nx_writes_what_is_missing_only;
    set_nx_takes_what_has_ended;
    set_nx_sets_the_lifetime;
    set_nx_that_is_over_leaves_nothing;
    set_nx_has_one_winner;
    cas_of_a_missing_entry;
    cas_of_another_value_changes_nothing;
    cas_compares_whole_values;
    cas_gives_a_new_lifetime;
    cas_that_is_over_removes;
    cas_takes_what_has_ended_as_missing;
    cas_of_none_has_one_winner;
    cas_loops_lose_nothing;

    incr_starts_at_nothing;
    incr_adds_to_what_is_there;
    incr_by_nothing_is_a_read;
    incr_is_read_as_a_text;
    incr_counts_past_the_precision_of_floats;
    incr_gives_a_lifetime_to_a_new_entry_only;
    incr_that_is_over_leaves_nothing;
    incr_starts_anew_after_the_end;
    incr_of_no_number_is_a_conflict;
    incr_beyond_64_bits_is_a_conflict;
    incr_reaches_both_ends;
    incr_loses_nothing;
    incr_of_many_keys_loses_nothing;

    entries_survive requires Durable;
    counters_go_on_after_a_restart requires Durable;
    lifetimes_go_on_while_closed requires Durable;
    removed_entries_stay_removed requires Durable;
    a_store_is_opened_again_and_again requires Durable;
    what_is_not_kept_is_gone_whole unless Durable;
    a_full_store_refuses_and_counts_on requires Bounded;
    a_refused_write_changes_nothing requires Bounded;
    room_comes_back requires Bounded;
    what_has_ended_makes_room requires Bounded;
    volatile_entries_go_oldest_first requires Bounded;
    volatile_entries_make_room_for_others requires Bounded;
    a_counter_is_never_volatile requires Bounded;
    a_value_larger_than_the_store_is_refused requires Bounded;
    a_server_without_room_refuses unless Bounded;
}

/// A condition that does not hold in this time never will.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

fn key(name: &str) -> Key {
    Key::new(name).expect("the names in the cases are keys")
}

async fn set(store: &Arc<dyn KvStore>, name: &str, value: &str) -> Result<()> {
    store.set(&key(name), value, Ttl::Forever, Keep::Always).await
}

async fn get(store: &Arc<dyn KvStore>, name: &str) -> Result<Option<String>> {
    store.get(&key(name)).await
}

/// Waits until the entry is gone.
async fn gone(store: &Arc<dyn KvStore>, name: &str) -> Result<(), Failure> {
    let start = Instant::now();
    while get(store, name).await?.is_some() {
        if start.elapsed() > PATIENCE {
            return Err(Failure::new(format!("{name:?} is still there")));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Leaves an entry that has ended, and that nobody may see any more.
async fn ended(store: &Arc<dyn KvStore>, name: &str, value: &str) -> Result<(), Failure> {
    store.set(&key(name), value, Ttl::For(Duration::from_millis(300)), Keep::Always).await?;
    gone(store, name).await
}

/// Does `work` `count` times at once: all wait until all are there.
async fn at_once<F, T>(count: usize, work: impl Fn(usize) -> F) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(count));
    let begin = |index| {
        let (start, work) = (Arc::clone(&start), work(index));
        tokio::spawn(async move {
            start.wait().await;
            work.await
        })
    };
    let tasks: Vec<_> = (0..count).map(begin).collect();
    let mut answers = Vec::with_capacity(count);
    for task in tasks {
        answers.push(task.await??);
    }
    Ok(answers)
}
