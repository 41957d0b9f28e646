//! Databases that are killed in the middle of a query: the call ends with an error, a write is not half
//! there, and the same pool works again once the server does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_conformance::servers::mariadb::Mariadb;
use penstock_conformance::servers::postgres::{self, Postgres};
use penstock_conformance::servers::skip;
use penstock_storage::ErrorKind;
use penstock_storage::db::mysql::MysqlDriver;
use penstock_storage::db::postgres::PostgresDriver;
use penstock_storage::db::query::Order;
use penstock_storage::db::sql::SqlDb;
use penstock_storage::db::{Database, DbError, Outcome, Row, TableQuery};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A condition that does not hold in this time never will.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon a call notices that its connection is gone.
const NOTICED: Duration = Duration::from_secs(10);

async fn rows(database: &SqlDb) -> Value {
    let outcome =
        TableQuery::on(database, "notes").select("id, note").order("id", Order::default()).run().await;
    assert_eq!(outcome.error, None);
    outcome.data
}

/// What is under way when the server dies: SQL that waits, and an insert whose second row waits.
struct UnderWay {
    raw: JoinHandle<Result<Vec<Row>, DbError>>,
    insert: JoinHandle<Outcome>,
}

impl UnderWay {
    fn start(database: &Arc<SqlDb>, sleep: &'static str) -> Self {
        let (waits, inserts) = (Arc::clone(database), Arc::clone(database));
        let raw = tokio::spawn(async move { waits.raw(sleep, &[]).await });
        let insert = tokio::spawn(async move {
            let rows = json!([{"id": "b", "note": "quick"}, {"id": "c", "note": "slow"}]);
            TableQuery::on(&*inserts, "notes").insert(rows).run().await
        });
        Self { raw, insert }
    }

    /// Both end, soon and in words.
    async fn ends(self) {
        let start = Instant::now();
        let raw = self.raw.await.unwrap().unwrap_err();
        assert_eq!(raw.kind, ErrorKind::Unavailable, "{raw:?}");
        let insert = self.insert.await.unwrap();
        assert_eq!((&insert.data, insert.status), (&Value::Null, 503), "{insert:?}");
        assert_eq!(insert.error.unwrap().kind, ErrorKind::Unavailable);
        assert!(start.elapsed() < NOTICED, "it took {:?}", start.elapsed());
    }
}

async fn until_it_answers(database: &SqlDb) {
    let start = Instant::now();
    while let Err(error) = database.health().await {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
        assert!(start.elapsed() < PATIENCE, "the pool does not heal: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until two connections are as `waits` says of their rows in what `sql` gives; their numbers.
async fn both_wait(database: &SqlDb, sql: &str, waits: impl Fn(&Row) -> Option<i64>) -> Vec<i64> {
    let start = Instant::now();
    loop {
        let rows = database.raw(sql, &[]).await.unwrap();
        let waiting: Vec<i64> = rows.iter().filter_map(&waits).collect();
        if waiting.len() == 2 {
            return waiting;
        }
        assert!(start.elapsed() < PATIENCE, "they are not under way: {rows:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, note TEXT)";

/// The row `slow` waits.
const TRIGGER: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.note = 'slow' THEN PERFORM pg_sleep(60); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER wait BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION wait();";
const WAITING: &str = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'";

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_killed_in_the_middle_of_a_query_is_found_again() {
    let Some(mut server) = Postgres::start().await.unwrap() else {
        return skip("postgres", "it is not installed");
    };
    let url = server.database().await.unwrap();
    let database = Arc::new(PostgresDriver::connect(&url).await.unwrap());
    database.raw(TABLE, &[]).await.unwrap();
    server.execute(&url, TRIGGER).await.unwrap();
    let first = json!([{"id": "a", "note": "there"}]);
    assert_eq!(TableQuery::on(&*database, "notes").insert(first.clone()).run().await.error, None);

    for how in ["its connections are ended", "its processes are killed", "the server is killed"] {
        let under_way = UnderWay::start(&database, "SELECT pg_sleep(60)");
        let processes = both_wait(&database, WAITING, |row| row.get("pid")?.as_i64()).await;
        match how {
            "its connections are ended" => {
                let sql = WAITING.replace("pid", "pg_terminate_backend(pid)");
                server.execute(&url, &sql).await.unwrap();
            }
            "its processes are killed" => {
                // the first takes all others along: the server starts afresh by itself
                postgres::kill(&processes[0].to_string()).await.unwrap();
            }
            _ => server.kill().await.unwrap(),
        }
        under_way.ends().await;
        if how == "the server is killed" {
            let gone = database.raw("SELECT 1", &[]).await.unwrap_err();
            assert_eq!(gone.kind, ErrorKind::Unavailable, "{gone:?}");
            server.start_again().await.unwrap();
        }
        until_it_answers(&database).await;
        assert_eq!(rows(&database).await, first, "after {how}: no row of a write that was not finished");
    }
    let later = TableQuery::on(&*database, "notes").insert(json!({"id": "z", "note": "later"})).run().await;
    assert_eq!(later.error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_that_is_killed_in_the_middle_of_a_query_is_found_again() {
    let Some(mut server) = Mariadb::start().await.unwrap() else {
        return skip("mysql", "it is not installed");
    };
    let url = server.database().await.unwrap();
    let name = url.rsplit('/').next().unwrap().to_owned();
    // the server of the tests is set to be quick, and would lose what was committed in the last second
    server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1").await.unwrap();
    let database = Arc::new(MysqlDriver::connect(&url).await.unwrap());
    database.raw(TABLE, &[]).await.unwrap();
    let trigger = format!(
        "CREATE TRIGGER {name}.wait BEFORE INSERT ON {name}.notes FOR EACH ROW \
         SET NEW.note = IF(NEW.note = 'slow', SLEEP(60), NEW.note)"
    );
    server.execute(&trigger).await.unwrap();
    let first = json!([{"id": "a", "note": "there"}]);
    assert_eq!(TableQuery::on(&*database, "notes").insert(first.clone()).run().await.error, None);

    let under_way = UnderWay::start(&database, "SELECT SLEEP(60)");
    let sleeps = |row: &Row| (row.get("State")? == "User sleep").then(|| row.get("Id")?.as_i64())?;
    both_wait(&database, "SHOW PROCESSLIST", sleeps).await;
    server.kill().await.unwrap();
    under_way.ends().await;
    server.start_again().await.unwrap();
    until_it_answers(&database).await;
    assert_eq!(rows(&database).await, first, "no row of a write that was not finished");
    let later = TableQuery::on(&*database, "notes").insert(json!({"id": "z", "note": "later"})).run().await;
    assert_eq!(later.error, None);
}
