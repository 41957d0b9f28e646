//! What holds while others write. A store in memory never waits: whoever loops here lets others in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::try_join_all;
use penstock_storage::blob::BlobStore;
use tokio::task::yield_now;

use super::{Harness, delete, fill, get, list, put};
use crate::{Failure, Outcome, equal, holds};

const WRITERS: u8 = 8;

/// A blob whose every byte, and whose length, says which writer it is from.
fn of_writer(writer: u8, size: usize) -> Bytes {
    vec![writer; size * (usize::from(writer) + 1)].into()
}

fn is_whole(blob: &Bytes, size: usize) -> bool {
    blob.first().is_some_and(|first| *blob == of_writer(*first, size))
}

pub(super) async fn a_reader_sees_one_put_whole(harness: Arc<dyn Harness>) -> Outcome {
    readers_see_whole_blobs(&*harness, 50_000, 12).await
}

/// In parts, where a backend does that.
pub(super) async fn a_large_put_is_seen_whole(harness: Arc<dyn Harness>) -> Outcome {
    readers_see_whole_blobs(&*harness, 1_300_000, 2).await
}

async fn readers_see_whole_blobs(harness: &dyn Harness, size: usize, rounds: usize) -> Outcome {
    let store = harness.store();
    put(&*store, "one", of_writer(0, size)).await?;
    let done = AtomicBool::new(false);
    let writing = async {
        let written = try_join_all((0..WRITERS).map(|writer| {
            let store = &store;
            async move {
                for _ in 0..rounds {
                    put(&**store, "one", of_writer(writer, size)).await?;
                    yield_now().await;
                }
                Ok::<_, Failure>(())
            }
        }))
        .await;
        done.store(true, Ordering::Relaxed);
        written
    };
    let reading = async {
        let mut reads = 0_u32;
        while !done.load(Ordering::Relaxed) {
            let blob =
                get(&*store, "one").await?.ok_or_else(|| Failure::new("it was missing for a while"))?;
            holds("a reader sees one of the puts, whole", is_whole(&blob, size))?;
            equal("there is one", list(&*store, "").await?, ["one"])?;
            yield_now().await;
            reads += 1;
        }
        holds("something was read meanwhile", reads > 0)
    };
    let (written, read) = tokio::join!(writing, reading);
    written?;
    read?;
    let last = get(&*store, "one").await?.ok_or_else(|| Failure::new("it is missing"))?;
    holds("one of them is left", is_whole(&last, size))
}

pub(super) async fn parallel_puts_into_a_new_folder_are_all_there(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for round in 0..5 {
        let mut names: Vec<String> = (0..40).map(|number| format!("new/{round}/deep/{number}")).collect();
        fill(&*store, &names).await?;
        names.sort_unstable();
        equal("all", list(&*store, &format!("new/{round}/")).await?, names)?;
    }
    Ok(())
}

/// The last blob of a folder goes while another comes: a store that tidies up must not tidy that away.
pub(super) async fn a_delete_beside_a_put_loses_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let one = |writer: u8| {
        let store: &dyn BlobStore = &*store;
        async move {
            let name = format!("shared/folder/{writer}");
            for round in 0..20_u8 {
                put(store, &name, vec![round]).await?;
                yield_now().await;
                let found = get(store, &name).await?;
                equal("what was just put", found.as_deref(), Some(&[round][..]))?;
                delete(store, &name).await?;
                equal("what was just deleted", get(store, &name).await?, None)?;
            }
            Ok::<_, Failure>(())
        }
    };
    try_join_all((0..WRITERS).map(one)).await?;
    equal("nothing is left", list(&*store, "").await?, Vec::<String>::new())
}

pub(super) async fn a_list_under_puts_has_every_key_that_stays(harness: Arc<dyn Harness>) -> Outcome {
    list_under_writes(&*harness, Writes::Puts).await
}

pub(super) async fn a_list_under_deletes_has_every_key_that_stays(harness: Arc<dyn Harness>) -> Outcome {
    list_under_writes(&*harness, Writes::PutsAndDeletes).await
}

#[derive(PartialEq, Eq)]
enum Writes {
    Puts,
    PutsAndDeletes,
}

async fn list_under_writes(harness: &dyn Harness, writes: Writes) -> Outcome {
    let store = harness.store();
    let stays: Vec<String> = (0..1_050).map(|number| format!("p/{number:04}-stays")).collect();
    fill(&*store, &stays).await?;
    let done = AtomicBool::new(false);
    let churning = async {
        let mut round = 0_u32;
        while !done.load(Ordering::Relaxed) {
            let passing = format!("p/{:04}-goes", (round * 37) % 1_050);
            put(&*store, &passing, "x").await?;
            // a replaced blob stays as well
            let replaced = stays.get(round as usize * 13 % stays.len()).map_or("", String::as_str);
            put(&*store, replaced, "y").await?;
            if writes == Writes::PutsAndDeletes {
                delete(&*store, &passing).await?;
            }
            yield_now().await;
            round += 1;
        }
        Ok::<_, Failure>(round)
    };
    let listing = async {
        for _ in 0..5 {
            complete(&list(&*store, "p/").await?, &stays)?;
            yield_now().await;
        }
        Ok::<_, Failure>(())
    };
    let listing = listing.inspect(|_| done.store(true, Ordering::Relaxed));
    let (churned, listed) = tokio::join!(churning, listing);
    listed?;
    holds("there were writes meanwhile", churned? > 0)
}

fn complete(listed: &[String], stays: &[String]) -> Outcome {
    holds("a list is sorted, and has no key twice", listed.is_sorted_by(|one, next| one < next))?;
    let listed: BTreeSet<&String> = listed.iter().collect();
    let missing: Vec<&String> = stays.iter().filter(|name| !listed.contains(name)).collect();
    equal("keys that stay and are not listed", missing, Vec::<&String>::new())
}
