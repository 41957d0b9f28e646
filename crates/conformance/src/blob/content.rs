//! What is put is got, byte by byte, until it is deleted.

use std::sync::Arc;

use super::{Harness, delete, get, list, noise, put};
use crate::{Failure, Outcome, equal, holds};

const MEGABYTE: usize = 1 << 20;

pub(super) async fn a_missing_blob_is_none(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    equal("nothing", get(&*store, "missing").await?, None)?;
    equal("nothing in a folder", get(&*store, "no/such/folder/missing").await?, None)?;
    put(&*store, "folder/there", "x").await?;
    equal("a neighbour is another blob", get(&*store, "folder/ther").await?, None)
}

pub(super) async fn what_was_put_is_got(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "a.txt", "text").await?;
    put(&*store, "deeper/down/b.txt", "Grüße 🎈\r\n\0end").await?;
    equal("a text", get(&*store, "a.txt").await?.as_deref(), Some(&b"text"[..]))?;
    let other = get(&*store, "deeper/down/b.txt").await?;
    equal("odd bytes", other.as_deref(), Some("Grüße 🎈\r\n\0end".as_bytes()))
}

pub(super) async fn an_empty_blob_is_not_a_missing_one(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "empty", "").await?;
    equal("it is there", get(&*store, "empty").await?.as_deref(), Some(&b""[..]))?;
    equal("it is listed", list(&*store, "").await?, ["empty"])
}

pub(super) async fn every_byte_value_comes_back(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let bytes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    put(&*store, "bytes", bytes.clone()).await?;
    equal("bytes", get(&*store, "bytes").await?.as_deref(), Some(&bytes[..]))
}

pub(super) async fn two_megabytes_come_back(harness: Arc<dyn Harness>) -> Outcome {
    comes_back(&*harness, 2 * MEGABYTE + 3).await
}

/// Large enough to be sent in parts where a backend does that.
pub(super) async fn twelve_megabytes_come_back(harness: Arc<dyn Harness>) -> Outcome {
    comes_back(&*harness, 12 * MEGABYTE + 1).await
}

async fn comes_back(harness: &dyn Harness, length: usize) -> Outcome {
    let store = harness.store();
    let content = noise(length, 1);
    put(&*store, "large/blob", content.clone()).await?;
    let got = get(&*store, "large/blob").await?.ok_or_else(|| Failure::new("it is missing"))?;
    equal("length", got.len(), length)?;
    holds("every byte is the same", got == content)?;
    equal("it is one blob", list(&*store, "").await?, ["large/blob"])
}

pub(super) async fn a_put_replaces_the_whole_blob(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for content in [noise(100, 1), noise(9 * MEGABYTE, 2), noise(10, 3), noise(0, 4)] {
        put(&*store, "blob", content.clone()).await?;
        let got = get(&*store, "blob").await?;
        holds(&format!("{} bytes are all there is", content.len()), got == Some(content))?;
    }
    Ok(())
}

pub(super) async fn a_delete_of_nothing_is_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    delete(&*store, "missing").await?;
    delete(&*store, "no/such/folder/missing").await?;
    put(&*store, "folder/there", "x").await?;
    delete(&*store, "folder/ther").await?;
    equal("it did no harm", list(&*store, "").await?, ["folder/there"])
}

pub(super) async fn a_folder_is_no_blob(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "folder/below/there", "x").await?;
    for name in ["folder", "folder/below"] {
        equal(name, get(&*store, name).await?, None)?;
        delete(&*store, name).await?;
        equal("what is in it stays", list(&*store, "").await?, ["folder/below/there"])?;
    }
    Ok(())
}

pub(super) async fn a_deleted_blob_is_gone(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "folder/gone", "x").await?;
    put(&*store, "folder/kept", "x").await?;
    delete(&*store, "folder/gone").await?;
    equal("it is gone", get(&*store, "folder/gone").await?, None)?;
    equal("the other is not", list(&*store, "").await?, ["folder/kept"])?;
    delete(&*store, "folder/gone").await
}

pub(super) async fn a_deleted_blob_can_be_put_again(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    for round in ["first", "second"] {
        put(&*store, "a/b/c", round).await?;
        equal("content", get(&*store, "a/b/c").await?.as_deref(), Some(round.as_bytes()))?;
        delete(&*store, "a/b/c").await?;
        equal("nothing is left", list(&*store, "").await?, Vec::<String>::new())?;
    }
    Ok(())
}

pub(super) async fn a_healthy_store_says_so(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    store.health().await?;
    equal("and leaves no trace", list(&*store, "").await?, Vec::<String>::new())
}

pub(super) async fn a_put_is_durable(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "small", "x").await?;
    let large = noise(9 * MEGABYTE, 1);
    put(&*store, "folder/large", large.clone()).await?;
    let store = harness.reopen().await?;
    equal("the small one", get(&*store, "small").await?.as_deref(), Some(&b"x"[..]))?;
    holds("the large one is there", get(&*store, "folder/large").await? == Some(large))?;
    equal("both are listed", list(&*store, "").await?, ["folder/large", "small"])
}

pub(super) async fn a_replaced_blob_is_durable(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "blob", "old and long").await?;
    put(&*store, "blob", "new").await?;
    let store = harness.reopen().await?;
    equal("the new one", get(&*store, "blob").await?.as_deref(), Some(&b"new"[..]))
}

pub(super) async fn a_delete_is_durable(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "folder/gone", "x").await?;
    put(&*store, "kept", "x").await?;
    delete(&*store, "folder/gone").await?;
    let store = harness.reopen().await?;
    equal("what is left", list(&*store, "").await?, ["kept"])?;
    equal("it stays away", get(&*store, "folder/gone").await?, None)
}

pub(super) async fn what_is_not_durable_is_gone_whole(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    put(&*store, "a", "old").await?;
    put(&*store, "b/c", "old").await?;
    drop(store);
    let store = harness.reopen().await?;
    equal("the list", list(&*store, "").await?, Vec::<String>::new())?;
    equal("the blob", get(&*store, "a").await?, None)
}
