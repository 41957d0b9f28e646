//! Every database against every case.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use penstock_conformance::backends::{Backend, Part};
use penstock_conformance::broken::db::{BrokenHarness, Fault};
use penstock_conformance::db::{GROUPS, Harness};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_conformance::vector::reference;
use penstock_conformance::{Capability, Failure, run};
use penstock_storage::db::libsql::LibsqlDriver;
use penstock_storage::db::mysql::MysqlDriver;
use penstock_storage::db::postgres::PostgresDriver;
use penstock_storage::db::sql::SqlDb;
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::db::{Database, DbError, NearestOptions, TableQuery};
use penstock_storage::degrade::{DegradingDatabase, Pauses};
use serde_json::json;
use tempfile::TempDir;

/// Runs every case, each against what `open` gives.
async fn conforms<F>(backend: &str, open: impl Fn() -> F)
where
    F: Future<Output = Result<Arc<dyn Harness>, Failure>>,
{
    let cases = GROUPS.iter().flat_map(|cases| *cases);
    Backend::require(Part::Db, backend).passes(cases, open).await;
}

struct SqliteFile {
    folder: TempDir,
    database: Arc<dyn Database>,
}

impl SqliteFile {
    async fn open() -> Result<Arc<dyn Harness>, Failure> {
        let folder = tempfile::tempdir()?;
        let database = Arc::new(SqliteDriver::open(&folder.path().join("modules.db")).await?);
        Ok(Arc::new(Self { folder, database }))
    }
}

#[async_trait]
impl Harness for SqliteFile {
    fn database(&self) -> Arc<dyn Database> {
        self.database.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure> {
        Ok(Arc::new(SqliteDriver::open(&self.folder.path().join("modules.db")).await?))
    }
}

/// The same, as modules are given it.
struct Degrading(Arc<dyn Harness>);

fn degrading(database: Arc<dyn Database>) -> Arc<dyn Database> {
    // timeouts have tests of their own, and must not end a case on a machine that is busy
    Arc::new(DegradingDatabase::new(database, Pauses::for_calls(Duration::from_mins(1))))
}

#[async_trait]
impl Harness for Degrading {
    fn database(&self) -> Arc<dyn Database> {
        degrading(self.0.database())
    }

    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure> {
        Ok(degrading(self.0.reopen().await?))
    }
}

struct SqliteMemory(Arc<dyn Database>);

#[async_trait]
impl Harness for SqliteMemory {
    fn database(&self) -> Arc<dyn Database> {
        self.0.clone()
    }

    // memory is gone with its connection: there is no other way to it
    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure> {
        Ok(Arc::new(SqliteDriver::memory().await?))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_a_file() {
    conforms("sqlite", SqliteFile::open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_that_may_degrade() {
    let open = async || Ok(Arc::new(Degrading(SqliteFile::open().await?)) as Arc<dyn Harness>);
    conforms("sqlite, degrading", open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_memory() {
    let open =
        async || Ok(Arc::new(SqliteMemory(Arc::new(SqliteDriver::memory().await?))) as Arc<dyn Harness>);
    conforms("sqlite memory", open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_without_vectors() {
    let open = async || {
        let database = Arc::new(SqliteDriver::memory_without_vectors().await?);
        Ok(Arc::new(SqliteMemory(database)) as Arc<dyn Harness>)
    };
    conforms("sqlite without vectors", open).await;
}

type Connect = dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Database>, DbError>> + Send + Sync;

/// A database of its own on a server, with a way to connect to it.
struct Remote<S> {
    database: Arc<dyn Database>,
    connect: Box<Connect>,
    _server: S,
}

impl<S: Send + Sync + 'static> Remote<S> {
    async fn open<F>(
        connect: impl Fn() -> F + Send + Sync + 'static,
        server: S,
    ) -> Result<Arc<dyn Harness>, Failure>
    where
        F: Future<Output = Result<SqlDb, DbError>> + Send + 'static,
    {
        let connect = move || {
            let database = connect();
            async { Ok(Arc::new(database.await?) as Arc<dyn Database>) }.boxed()
        };
        Ok(Arc::new(Self { database: connect().await?, connect: Box::new(connect), _server: server }))
    }
}

#[async_trait]
impl<S: Send + Sync + 'static> Harness for Remote<S> {
    fn database(&self) -> Arc<dyn Database> {
        self.database.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Database>, Failure> {
        Ok((self.connect)().await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_with_pgvector() {
    let Some(server) = Postgres::start().await.expect("a server starts") else {
        return skip("postgres", "it is not installed");
    };
    let open = async || {
        let url = server.database().await?;
        Remote::open(
            move || {
                let url = url.clone();
                async move { PostgresDriver::connect(&url).await }
            },
            (),
        )
        .await
    };
    conforms("postgres", open).await;
}

/// The tables of the kit are so small that a scan would be cheaper than any index.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_that_prefers_its_indexes() {
    let Some(server) = Postgres::start().await.expect("a server starts") else {
        return skip("postgres", "it is not installed");
    };
    let open = async || {
        let url =
            format!("{}?options=-c%20enable_seqscan=off%20-c%20enable_sort=off", server.database().await?);
        let connect = move || {
            let url = url.clone();
            async move { PostgresDriver::connect(&url).await }
        };
        Remote::open(connect, ()).await
    };
    let report = run("postgres with indexes", &[Capability::Durable], reference::CASES, open).await;
    assert!(report.failed().is_empty(), "{report}");
}

/// Such an index has no vectors that point nowhere, so that it shows who answered.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_answers_whom_it_may() {
    let Some(server) = Postgres::start().await.expect("a server starts") else {
        return skip("postgres", "it is not installed");
    };
    let url = format!(
        "{}?options=-c%20enable_seqscan=off%20-c%20enable_sort=off",
        server.database().await.unwrap()
    );
    let db = PostgresDriver::connect(&url).await.unwrap();
    db.raw("CREATE TABLE IF NOT EXISTS points (id TEXT PRIMARY KEY, v VECTOR(2))", &[]).await.unwrap();
    let rows = json!([{"id": "nowhere", "v": [0, 0]}, {"id": "away", "v": [-1, 0]}]);
    assert!(TableQuery::on(&db, "points").insert(rows).run().await.error.is_none());
    db.raw("CREATE INDEX points_v ON points USING hnsw (v vector_cosine_ops)", &[]).await.unwrap();
    let table = TableQuery::on(&db, "points");
    let cases = [
        (table, None, true),
        (table, Some(true), true),
        (table, Some(false), false),
        (table.approximate(), None, false),
        (table.approximate(), Some(false), false),
        (table.approximate(), Some(true), true),
    ];
    for (table, exact, is_exact) in cases {
        let options = NearestOptions { exact, ..NearestOptions::default() };
        let hits = table.select("id").vector_search("v", vec![1.0, 0.0], options).await.unwrap();
        let ids: Vec<_> = hits.iter().map(|hit| hit.data["id"].as_str().unwrap()).collect();
        let expected = if is_exact { &["nowhere", "away"][..] } else { &["away"] };
        assert_eq!(ids, expected, "{table:?}, {exact:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_without_pgvector() {
    let Some(server) = Postgres::start().await.expect("a server starts") else {
        return skip("postgres", "it is not installed");
    };
    let open = async || {
        let url = server.database().await?;
        let connect = move || {
            let url = url.clone();
            async move { PostgresDriver::connect_without_vectors(&url).await }
        };
        Remote::open(connect, ()).await
    };
    conforms("postgres without pgvector", open).await;
}

async fn of_mysql(server: &Mariadb) -> Result<Arc<dyn Harness>, Failure> {
    let url = server.database().await?;
    let connect = move || {
        let url = url.clone();
        async move { MysqlDriver::connect(&url).await }
    };
    Remote::open(connect, ()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    let Some(server) = Mariadb::start().await.expect("a server starts") else {
        return skip("mysql", "it is not installed");
    };
    conforms("mariadb", || of_mysql(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_9() {
    let Some(server) = Mariadb::named() else {
        return skip("mysql9", "PENSTOCK_TEST_MYSQL_URL names none");
    };
    // not in the table: it is not to be had everywhere
    let cases = GROUPS.iter().flat_map(|cases| *cases);
    run("mysql 9", &[Capability::Durable], cases, || of_mysql(&server)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn libsql() {
    if Libsql::start().await.expect("a server starts").is_none() {
        return skip("libsql", "it is not installed");
    }
    // a server has one database
    let open = async || {
        let server = Libsql::start().await?.ok_or_else(|| Failure::new("it was there before"))?;
        let url = server.url.clone();
        Remote::open(
            move || {
                let url = url.clone();
                async move { LibsqlDriver::connect(&url, None).await }
            },
            server,
        )
        .await
    };
    conforms("libsql", open).await;
}

#[tokio::test]
async fn every_broken_database_fails_a_case() {
    let faults: [(Fault, &[&str]); 6] = [
        (Fault::FilterIgnored, &["db/eq_finds_equal_values"]),
        (Fault::OrderLost, &["db/order_goes_by_bytes"]),
        (Fault::HalfWrite, &["db/several_rows_are_written_in_one_transaction"]),
        (Fault::NullMatches, &["db/eq_null_matches_nothing"]),
        (
            Fault::NearMiss,
            &[
                "vector/it_finds_what_a_full_scan_finds",
                "vector/a_search_in_an_approximate_table_may_be_exact",
            ],
        ),
        (
            Fault::FarMiss,
            &[
                "vector/an_approximate_search_finds_nearly_all",
                "vector/a_search_in_an_approximate_table_finds_nearly_all",
            ],
        ),
    ];
    for (fault, expected) in faults {
        let mut failed = Vec::new();
        for cases in GROUPS {
            failed.extend(run("broken", &[], *cases, || BrokenHarness::open(fault)).await.failed());
        }
        let is_missed = expected.iter().find(|case| !failed.contains(case));
        assert_eq!(is_missed, None, "{fault:?} failed {failed:?}");
    }
}
