//! Every database against the model: 10,000 random chains have the same rows and the same errors.
//!
//! A failure names its seed; `PENSTOCK_MODEL_SEED` begins with that one.

use futures_util::StreamExt as _;
use futures_util::stream;
use penstock_conformance::broken::db::{BrokenHarness, Fault};
use penstock_conformance::db::chains::agree;
use penstock_conformance::db::model::ModelHarness;
use penstock_conformance::db::{filters, keys, read, values, write};
use penstock_conformance::servers::{libsql::Libsql, mariadb::Mariadb, postgres::Postgres, skip};
use penstock_conformance::{Capability, Failure, run};
use penstock_storage::db::Database;
use penstock_storage::db::libsql::LibsqlDriver;
use penstock_storage::db::mysql::MysqlDriver;
use penstock_storage::db::postgres::PostgresDriver;
use penstock_storage::db::sqlite::SqliteDriver;

/// How many chains there are at least, in sessions of at most 200.
const CHAINS: usize = 10_000;

/// Plays sessions, `at_once` of them side by side, until there were enough chains.
async fn agrees(database: &dyn Database, at_once: usize) {
    let seed = std::env::var("PENSTOCK_MODEL_SEED").ok();
    let first: u64 = seed.map_or(1, |seed| seed.parse().expect("PENSTOCK_MODEL_SEED is a whole number"));
    let mut sessions = stream::iter(first..).map(|seed| agree(database, seed)).buffered(at_once);
    let mut played = 0;
    while played < CHAINS {
        let session = sessions.next().await.expect("there is always a next seed");
        let failure = session.as_ref().err().map(ToString::to_string);
        assert!(failure.is_none(), "{}: {}", database.backend(), failure.unwrap_or_default());
        played += session.unwrap_or_default();
    }
}

#[tokio::test]
async fn sqlite_agrees_with_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let database = SqliteDriver::open(&folder.path().join("modules.db")).await.unwrap();
    agrees(&database, 1).await;
}

#[tokio::test]
async fn postgres_agrees_with_the_model() {
    let Some(server) = Postgres::start().await.expect("a server starts") else {
        return skip("postgres", "it is not installed");
    };
    let database = PostgresDriver::connect(&server.database().await.unwrap()).await.unwrap();
    agrees(&database, 2).await;
}

#[tokio::test]
async fn mariadb_agrees_with_the_model() {
    let Some(server) = Mariadb::start().await.expect("a server starts") else {
        return skip("mysql", "it is not installed");
    };
    let database = MysqlDriver::connect(&server.local_database().await.unwrap()).await.unwrap();
    agrees(&database, 2).await;
}

#[tokio::test]
async fn libsql_agrees_with_the_model() {
    let Some(server) = Libsql::start().await.expect("a server starts") else {
        return skip("libsql", "it is not installed");
    };
    let database = LibsqlDriver::connect(&server.url, None).await.unwrap();
    agrees(&database, 1).await;
}

/// What the model does not know: foreign keys, times, and SQL but for `CREATE TABLE`.
const BEYOND: &[&str] = &[
    "db/a_missing_parent_is_23503",
    "db/an_unknown_table_is_42p01",
    "db/an_unknown_column_is_42703",
    "db/times_come_back_in_utc",
    "db/times_have_microseconds",
    "db/the_database_s_own_times_have_no_fraction",
    "db/bytes_and_times_that_do_not_fit_are_22p02",
];

#[tokio::test]
async fn the_model_passes_the_cases_of_the_kit() {
    let mut failed = Vec::new();
    let mut reports = String::new();
    for cases in [read::CASES, filters::CASES, write::CASES, keys::CASES, values::CASES] {
        let open = async || Ok::<_, Failure>(std::sync::Arc::new(ModelHarness::default()) as _);
        let report = run("model", &[Capability::Durable], cases, open).await;
        failed.extend(report.failed());
        reports += &report.to_string();
    }
    failed.sort_unstable();
    let mut beyond = BEYOND.to_vec();
    beyond.sort_unstable();
    assert_eq!(failed, beyond, "{reports}");
}

#[tokio::test]
async fn every_broken_database_disagrees() {
    for fault in [Fault::FilterIgnored, Fault::OrderLost, Fault::HalfWrite, Fault::NullMatches] {
        let database = BrokenHarness::open(fault).await.unwrap().database();
        let mut seeds = 1..50;
        let is_found = loop {
            match seeds.next() {
                Some(seed) if agree(&*database, seed).await.is_ok() => {}
                seed => break seed.is_some(),
            }
        };
        assert!(is_found, "{fault:?} was not found");
    }
}
