//! The store on every kind of database against every case.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use penstock_conformance::backends::{Backend, Part};
use penstock_conformance::broken::control::{BrokenHarness, Fault};
use penstock_conformance::control::{GROUPS, Harness};
use penstock_conformance::servers::{
    libsql::Libsql, mariadb::Mariadb, pgbouncer::Pgbouncer, postgres::Postgres, skip,
};
use penstock_conformance::{Failure, run};
use penstock_control::ControlStore;
use penstock_control::{Dsn, Store};
use penstock_core::Secret;
use tempfile::TempDir;

/// A new database whenever it is asked.
#[async_trait]
trait Databases: Send + Sync {
    async fn database(&self) -> Result<Dsn, Failure>;
}

struct Files(TempDir, std::sync::atomic::AtomicU32);

#[async_trait]
impl Databases for Files {
    async fn database(&self) -> Result<Dsn, Failure> {
        let number = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Dsn::Sqlite(self.0.path().join(format!("{number}.db"))))
    }
}

#[async_trait]
impl Databases for Postgres {
    async fn database(&self) -> Result<Dsn, Failure> {
        Ok(Dsn::parse(&Secret::from(Self::database(self).await?))?)
    }
}

/// A server, and the pooler before it.
struct Pooled(Postgres, Pgbouncer);

#[async_trait]
impl Databases for Pooled {
    async fn database(&self) -> Result<Dsn, Failure> {
        Ok(Dsn::parse(&Secret::from(self.1.through(&self.0.database().await?)))?)
    }
}

#[async_trait]
impl Databases for Mariadb {
    async fn database(&self) -> Result<Dsn, Failure> {
        Ok(Dsn::parse(&Secret::from(Self::database(self).await?))?)
    }
}

/// A server for each database: one costs less here than a way to tell its databases apart by host.
#[derive(Default)]
struct Libsqls(Mutex<Vec<Libsql>>);

#[async_trait]
impl Databases for Libsqls {
    async fn database(&self) -> Result<Dsn, Failure> {
        let server = Libsql::start().await?.ok_or_else(|| Failure::new("it is not installed"))?;
        let dsn = Dsn::parse(&Secret::from(server.url.clone()))?;
        self.0.lock().map_err(|_| Failure::new("a case has panicked"))?.push(server);
        Ok(dsn)
    }
}

struct OnDatabase {
    store: Arc<Store>,
    dsn: Dsn,
    databases: Arc<dyn Databases>,
}

impl OnDatabase {
    async fn open(databases: Arc<dyn Databases>) -> Result<Arc<dyn Harness>, Failure> {
        let dsn = databases.database().await?;
        let store = Arc::new(Store::open(&dsn).await?);
        Ok(Arc::new(Self { store, dsn, databases }))
    }
}

#[async_trait]
impl Harness for OnDatabase {
    fn store(&self) -> Arc<dyn ControlStore> {
        self.store.clone()
    }

    async fn node(&self) -> Result<Arc<dyn ControlStore>, Failure> {
        Ok(Arc::new(Store::open(&self.dsn).await?))
    }

    async fn start_together(&self, nodes: usize) -> Result<Vec<Arc<dyn ControlStore>>, Failure> {
        let dsn = self.databases.database().await?;
        let opening = (0..nodes).map(|_| Store::open(&dsn));
        let opened = try_join_all(opening).await?;
        Ok(opened.into_iter().map(|store| Arc::new(store) as _).collect())
    }
}

async fn on(backend: &str, databases: impl Databases + 'static) {
    let databases: Arc<dyn Databases> = Arc::new(databases);
    let cases = GROUPS.iter().flat_map(|cases| *cases);
    Backend::require(Part::Control, backend).passes(cases, || OnDatabase::open(Arc::clone(&databases))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    on("sqlite", Files(folder, 0.into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let Some(server) = Postgres::start().await.expect("a server starts") else {
        return skip("postgres", "it is not installed");
    };
    on("postgres", server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_behind_a_pooler() {
    let Some(server) = Postgres::start().await.expect("a server starts") else {
        return skip("postgres", "it is not installed");
    };
    // one that an environment variable names has its own way to it
    let Some(address) = server.address() else { return };
    let Some(pooler) = Pgbouncer::start(address).await.expect("a pooler starts") else {
        return skip("postgres", "pgbouncer is not installed");
    };
    on("postgres, pooled", Pooled(server, pooler)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    let Some(server) = Mariadb::start().await.expect("a server starts") else {
        return skip("mysql", "it is not installed");
    };
    on("mariadb", server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn libsql() {
    if Libsql::start().await.expect("a server starts").is_none() {
        return skip("libsql", "it is not installed");
    }
    // the servers of a case end with it
    let cases = GROUPS.iter().flat_map(|cases| *cases);
    Backend::require(Part::Control, "libsql")
        .passes(cases, || OnDatabase::open(Arc::<Libsqls>::default()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_9() {
    let Some(server) = Mariadb::named() else {
        return skip("mysql9", "PENSTOCK_TEST_MYSQL_URL names none");
    };
    // not in the table: it is not to be had everywhere
    let databases: Arc<dyn Databases> = Arc::new(server);
    let cases = GROUPS.iter().flat_map(|cases| *cases);
    run("mysql 9", &[], cases, || OnDatabase::open(Arc::clone(&databases))).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_store_fails_a_case() {
    let faults = [
        (Fault::HalfCommit, "control/a_refused_commit_changes_nothing"),
        (Fault::StaleTaken, "control/changes_made_from_old_records_are_refused"),
        (Fault::SettledTwice, "control/settling_again_changes_nothing"),
        (Fault::NewOnesLost, "control/settling_again_changes_nothing"),
        (Fault::TombstoneLost, "control/keys_that_stopped_working_stay_known"),
        (Fault::PageOverlaps, "control/settling_again_changes_nothing"),
        (Fault::ChangeSwallowed, "control/changes_are_what_changed"),
        (Fault::RollupDoubled, "control/rollups_sum_what_was_settled"),
        (Fault::LeaseForAll, "control/a_lease_has_one_owner"),
        (Fault::OldHealthWins, "control/the_newer_report_of_health_counts"),
        (Fault::PrunesAll, "control/without_a_limit_nothing_is_removed"),
        (Fault::AuditForgets, "control/a_change_and_its_audit_entry_are_one"),
        (Fault::DeletesInUse, "control/a_provider_in_use_is_not_deleted"),
    ];
    for (fault, expected) in faults {
        let mut failed = Vec::new();
        for cases in GROUPS {
            failed.extend(run("broken", &[], *cases, || BrokenHarness::open(fault)).await.failed());
        }
        assert!(failed.contains(&expected), "{fault:?} failed {failed:?}");
    }
}
