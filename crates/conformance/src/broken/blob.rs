//! Blob stores with a fault each.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use penstock_storage::Result;
use penstock_storage::blob::memory::MemoryBlob;
use penstock_storage::blob::{BlobStore, Key, Prefix};

use crate::blob::Harness;
use crate::{Capability, Failure};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A reader may see the beginning of a blob that is being put.
    HalfWrite,
    /// A shorter blob leaves the end of a longer one.
    NotTruncated,
    /// A put is answered before it is durable.
    LostOnReopen,
    /// A delete is, too.
    BackAfterReopen,
    /// A list is sorted as UTF-16 is.
    SortedByUtf16,
    /// A list comes folder by folder, the blobs of each before those below it.
    SortedByFolder,
    /// A list ends after a thousand keys.
    FirstPageOnly,
    /// A prefix is the name of a folder.
    PrefixIsFolder,
    /// A list shows keys whose folder begins as the prefix does.
    PrefixOfFirstName,
    /// Names that differ in case are one.
    CaseBlind,
    /// A name is taken for an encoded one.
    DecodesNames,
    /// An empty blob is taken for a missing one.
    EmptyIsMissing,
    /// A delete of a folder's name deletes what is in it.
    DeletesFolders,
    /// A delete of a missing blob fails.
    DeleteWantsBlob,
    /// A large blob loses its last part.
    LosesLastPart,
}

impl Fault {
    /// Each, with a case that has to notice it.
    pub const ALL: &[(Self, &str)] = &[
        (Self::HalfWrite, "blob/a_reader_sees_one_put_whole"),
        (Self::NotTruncated, "blob/a_put_replaces_the_whole_blob"),
        (Self::LostOnReopen, "blob/a_put_is_durable"),
        (Self::BackAfterReopen, "blob/a_delete_is_durable"),
        (Self::SortedByUtf16, "blob/a_list_is_sorted_by_bytes"),
        (Self::SortedByFolder, "blob/a_folder_is_sorted_by_the_bytes_of_its_keys"),
        (Self::FirstPageOnly, "blob/a_list_is_complete_past_a_thousand"),
        (Self::PrefixIsFolder, "blob/a_prefix_is_a_text_and_not_a_folder"),
        (Self::PrefixOfFirstName, "blob/other_prefixes_are_not_listed"),
        (Self::CaseBlind, "blob/keys_that_differ_in_case_are_two"),
        (Self::DecodesNames, "blob/every_allowed_sign_stands_in_a_key"),
        (Self::EmptyIsMissing, "blob/an_empty_blob_is_not_a_missing_one"),
        (Self::DeletesFolders, "blob/a_folder_is_no_blob"),
        (Self::DeleteWantsBlob, "blob/a_delete_of_nothing_is_nothing"),
        (Self::LosesLastPart, "blob/twelve_megabytes_come_back"),
    ];
}

/// What a broken store claims, so that all cases run.
pub const CLAIMS: &[Capability] = &[Capability::Durable];

/// A store that works, but for its fault.
#[derive(Clone, Debug)]
pub struct BrokenBlob {
    fault: Fault,
    blobs: Arc<MemoryBlob>,
    /// What is there after a reopen.
    durable: Arc<MemoryBlob>,
}

impl BrokenBlob {
    /// An empty one with that fault.
    pub fn new(fault: Fault) -> Self {
        let blobs = Arc::new(MemoryBlob::new());
        let is_durable = !matches!(fault, Fault::LostOnReopen | Fault::BackAfterReopen);
        let durable = if is_durable { Arc::clone(&blobs) } else { Arc::default() };
        Self { fault, blobs, durable }
    }

    fn key(&self, key: &Key) -> Result<Key> {
        match self.fault {
            Fault::CaseBlind => Key::new(key.as_str().to_lowercase()),
            Fault::DecodesNames => Key::new(key.as_str().replace('+', "_")),
            _ => Ok(key.clone()),
        }
    }
}

#[async_trait]
impl BlobStore for BrokenBlob {
    fn backend(&self) -> &'static str {
        "broken"
    }

    async fn put(&self, key: &Key, content: Bytes) -> Result<()> {
        let key = &self.key(key)?;
        let content = match self.fault {
            Fault::HalfWrite => {
                self.blobs.put(key, content.slice(..content.len() / 2)).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
                content
            }
            Fault::NotTruncated => {
                let old = self.blobs.get(key).await?.unwrap_or_default();
                let end = old.get(content.len()..).unwrap_or_default();
                [&content, end].concat().into()
            }
            Fault::LosesLastPart => content.slice(..content.len().min(8 << 20)),
            _ => content,
        };
        if self.fault == Fault::BackAfterReopen {
            self.durable.put(key, content.clone()).await?;
        }
        self.blobs.put(key, content).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let found = self.blobs.get(&self.key(key)?).await?;
        Ok(found.filter(|content| self.fault != Fault::EmptyIsMissing || !content.is_empty()))
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let key = &self.key(key)?;
        if self.fault == Fault::DeletesFolders {
            for below in self.blobs.list(&Prefix::new(format!("{key}/"))?).await? {
                self.blobs.delete(&Key::new(below)?).await?;
            }
        }
        if self.fault == Fault::DeleteWantsBlob && self.blobs.get(key).await?.is_none() {
            return Err(penstock_storage::StorageError::invalid("blob.delete", "expected a blob"));
        }
        self.blobs.delete(key).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>> {
        let prefix = match self.fault {
            Fault::CaseBlind => Prefix::new(prefix.as_str().to_lowercase())?,
            Fault::PrefixOfFirstName => Prefix::new(prefix.as_str().trim_end_matches('/'))?,
            _ => prefix.clone(),
        };
        let mut keys = self.blobs.list(&prefix).await?;
        match self.fault {
            Fault::SortedByUtf16 => keys.sort_by_key(|key| key.encode_utf16().collect::<Vec<_>>()),
            Fault::SortedByFolder => keys.sort_by_key(|key| {
                let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
                (folder.to_owned(), name.to_owned())
            }),
            Fault::FirstPageOnly => keys.truncate(1_000),
            Fault::PrefixIsFolder => {
                let folder = format!("{}/", prefix.as_str().trim_end_matches('/'));
                keys.retain(|key| folder == "/" || key.starts_with(&folder));
            }
            _ => {}
        }
        Ok(keys)
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Harness for BrokenBlob {
    fn store(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.clone())
    }

    async fn reopen(&self) -> std::result::Result<Arc<dyn BlobStore>, Failure> {
        let blobs = Arc::clone(&self.durable);
        Ok(Arc::new(Self { fault: self.fault, durable: Arc::clone(&blobs), blobs }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::CASES;
    use crate::run;

    #[tokio::test]
    async fn every_fault_is_noticed() {
        assert!(Fault::ALL.len() >= 15, "all faults are in the list");
        for (fault, case) in Fault::ALL {
            let open = || async { Ok(Arc::new(BrokenBlob::new(*fault)) as Arc<dyn Harness>) };
            let report = run(&format!("{fault:?}"), CLAIMS, CASES, open).await;
            assert!(report.failed().contains(case), "{case} must fail: {report}");
        }
    }

    #[tokio::test]
    async fn a_store_without_a_fault_passes() {
        #[derive(Debug, Clone)]
        struct Sound(Arc<MemoryBlob>);

        #[async_trait]
        impl Harness for Sound {
            fn store(&self) -> Arc<dyn BlobStore> {
                Arc::<MemoryBlob>::clone(&self.0)
            }
            async fn reopen(&self) -> std::result::Result<Arc<dyn BlobStore>, Failure> {
                Ok(self.store())
            }
        }

        let open = || async { Ok(Arc::new(Sound(Arc::default())) as Arc<dyn Harness>) };
        run("sound", CLAIMS, CASES, open).await.assert();
    }
}
