//! The storage for tests of modules runs the cases of every backend: what passes with it passes in the gateway.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_conformance::backends::{Backend, Part};
use penstock_conformance::fault::Fault;
use penstock_conformance::{Failure, adapter, blob, db, kv, run};
use penstock_storage::blob::BlobStore;
use penstock_storage::db::Database;
use penstock_storage::kv::KvStore;
use penstock_storage::{Kind, StorageAdapter};

use crate::node::Node;
use crate::package::Compiled;
use crate::storage::Storage;

/// The name in the list of backends.
const NAME: &str = "module-sdk";

/// A storage of its own for a case, in the process of all of them.
struct Own {
    node: Arc<Node>,
    storage: Storage,
}

impl Own {
    async fn open(node: &Arc<Node>) -> Result<Arc<Self>, Failure> {
        let storage = Storage::open(node, None).await?;
        Ok(Arc::new(Self { node: Arc::clone(node), storage }))
    }

    /// What a process that ended leaves: nothing.
    async fn again(&self, kv_bytes: Option<u64>) -> Result<Arc<Storage>, Failure> {
        Ok(Arc::new(Storage::open(&self.node, kv_bytes).await?))
    }
}

#[async_trait]
impl kv::Harness for Own {
    fn store(&self) -> Arc<dyn KvStore> {
        Arc::new(self.storage.clone())
    }

    async fn reopen(&self) -> Result<Arc<dyn KvStore>, Failure> {
        Ok(self.again(None).await?)
    }

    async fn bounded(&self, bytes: u64) -> Result<Arc<dyn KvStore>, Failure> {
        Ok(self.again(Some(bytes)).await?)
    }
}

#[async_trait]
impl db::Harness for Own {
    fn database(&self) -> Arc<dyn Database> {
        Arc::new(self.storage.clone())
    }

    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure> {
        Ok(self.again(None).await?)
    }
}

#[async_trait]
impl blob::Harness for Own {
    fn store(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.storage.clone())
    }

    async fn reopen(&self) -> Result<Arc<dyn BlobStore>, Failure> {
        Ok(self.again(None).await?)
    }
}

/// A process with the package as it is now.
fn node() -> (Compiled, Arc<Node>) {
    let compiled = Compiled::new("tsconfig.conformance.json").unwrap();
    let node = Node::start(&compiled.file("conformance/serve-storage.js")).unwrap();
    (compiled, node)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_values_for_tests_do_what_is_asked() {
    let (_compiled, node) = node();
    let open = || async { Own::open(&node).await.map(|own| own as Arc<dyn kv::Harness>) };
    Backend::require(Part::Kv, NAME).passes(kv::CASES, open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_for_tests_do_what_is_asked() {
    let (_compiled, node) = node();
    let open = || async { Own::open(&node).await.map(|own| own as Arc<dyn db::Harness>) };
    Backend::require(Part::Db, NAME).passes(db::GROUPS.iter().copied().flatten(), open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_for_tests_do_what_is_asked() {
    let (_compiled, node) = node();
    let open = || async { Own::open(&node).await.map(|own| own as Arc<dyn blob::Harness>) };
    Backend::require(Part::Blob, NAME).passes(blob::CASES, open).await;
}

/// The cases of an outage that are about timeouts and breakers: a storage without a network has neither.
const ABOUT_TIME: &[&str] = &[
    "adapter/a_backend_that_hangs_costs_one_timeout",
    "adapter/a_hundred_callers_wait_at_the_same_time",
    "adapter/a_slow_backend_is_no_outage",
    "adapter/it_goes_down_and_comes_back_again_and_again",
    "adapter/health_tells_what_is_down_since_when_and_why",
];

struct Falling {
    adapter: StorageAdapter,
    storage: Storage,
}

impl adapter::Harness for Falling {
    fn adapter(&self) -> &StorageAdapter {
        &self.adapter
    }

    fn set(&self, fault: Fault) {
        self.storage.set_down(fault != Fault::None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storage_for_tests_goes_down_as_others_do() {
    let (_compiled, node) = node();
    let open = || async {
        let storage = Storage::open(&node, None).await?;
        let part = Arc::new(storage.clone());
        let adapter = StorageAdapter::new(Kind::Local, part.clone(), part.clone(), part);
        Ok(Arc::new(Falling { adapter, storage }) as Arc<dyn adapter::Harness>)
    };
    let cases: Vec<_> = adapter::CASES.iter().filter(|case| !ABOUT_TIME.contains(&case.name)).collect();
    assert_eq!(cases.len(), adapter::CASES.len() - ABOUT_TIME.len(), "each of the list is a case");
    run(NAME, &[], cases, open).await.assert();
}
