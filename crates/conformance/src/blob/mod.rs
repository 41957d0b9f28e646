//! Blobs: whole files by name.

mod content;
mod keys;
mod list;
mod races;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use penstock_storage::blob::{BlobStore, Key, Prefix};

#[allow(clippy::wildcard_imports, reason = "the table below names every case")]
use self::{content::*, keys::*, list::*, races::*};
use crate::Failure;
use crate::case::cases;

/// What a backend supplies: an empty store for each case.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn BlobStore>;

    /// The same store, opened anew: as after a restart, so from nothing but what is durable.
    async fn reopen(&self) -> Result<Arc<dyn BlobStore>, Failure>;
}

cases! { "blob", dyn Harness:
    a_missing_blob_is_none;
    what_was_put_is_got;
    an_empty_blob_is_not_a_missing_one;
    every_byte_value_comes_back;
    two_megabytes_come_back;
    twelve_megabytes_come_back;
    a_put_replaces_the_whole_blob;
    a_delete_of_nothing_is_nothing;
    a_folder_is_no_blob;
    a_deleted_blob_is_gone;
    a_deleted_blob_can_be_put_again;
    a_healthy_store_says_so;
    a_put_is_durable requires Durable;
    a_replaced_blob_is_durable requires Durable;
    a_delete_is_durable requires Durable;
    what_is_not_durable_is_gone_whole unless Durable;

    keys_that_could_leave_the_store_are_refused;
    prefixes_that_could_leave_the_store_are_refused;
    dots_within_names_are_names;
    every_allowed_sign_stands_in_a_key;
    letters_of_every_script_stand_in_keys;
    keys_that_differ_in_case_are_two;
    keys_that_look_like_a_stores_own_files_are_keys;
    keys_that_look_encoded_are_taken_literally;
    a_deep_key_comes_back;
    a_key_may_be_the_folder_of_another;
    a_key_may_have_1024_bytes;
    long_keys_differ_at_their_ends;

    an_empty_store_lists_nothing;
    an_empty_prefix_lists_all;
    a_prefix_is_a_text_and_not_a_folder;
    a_prefix_ends_anywhere;
    other_prefixes_are_not_listed;
    a_list_is_sorted_by_bytes;
    a_folder_is_sorted_by_the_bytes_of_its_keys;
    a_replaced_blob_is_listed_once;
    a_list_is_complete_past_a_thousand;
    a_list_over_many_folders_is_complete;

    a_reader_sees_one_put_whole;
    a_large_put_is_seen_whole;
    parallel_puts_into_a_new_folder_are_all_there;
    a_delete_beside_a_put_loses_nothing;
    a_list_under_puts_has_every_key_that_stays;
    a_list_under_deletes_has_every_key_that_stays;
}

/// How many blobs are written at once by [`fill`].
const AT_ONCE: usize = 32;

pub(crate) fn key(name: &str) -> Result<Key, Failure> {
    Key::new(name).map_err(|error| Failure::new(format!("{name:?}: {error}")))
}

async fn put(store: &dyn BlobStore, name: &str, content: impl Into<Bytes>) -> Result<(), Failure> {
    Ok(store.put(&key(name)?, content.into()).await?)
}

async fn get(store: &dyn BlobStore, name: &str) -> Result<Option<Bytes>, Failure> {
    Ok(store.get(&key(name)?).await?)
}

async fn delete(store: &dyn BlobStore, name: &str) -> Result<(), Failure> {
    Ok(store.delete(&key(name)?).await?)
}

async fn list(store: &dyn BlobStore, prefix: &str) -> Result<Vec<String>, Failure> {
    Ok(store.list(&Prefix::new(prefix)?).await?)
}

/// Puts a blob under each name; its content is the name.
async fn fill(store: &dyn BlobStore, names: &[String]) -> Result<(), Failure> {
    let puts = names.iter().cloned().map(|name| async move { put(store, &name, name.clone()).await });
    let puts = stream::iter(puts);
    puts.buffer_unordered(AT_ONCE).try_collect().await
}

/// The same, for names that are written out.
async fn fill_with(store: &dyn BlobStore, names: &[&str]) -> Result<(), Failure> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    fill(store, &names).await
}

/// That many bytes, of which no part is like another.
fn noise(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&next());
    }
    bytes.truncate(length);
    bytes.into()
}
