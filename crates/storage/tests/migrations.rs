//! Migrations that are cut in the middle. What holds for whole ones is in the kit.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use penstock_conformance::servers::{mariadb::Mariadb, skip};
use penstock_storage::db::mysql::MysqlDriver;
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::db::{Database, Migration, Migrations, Row, code};
use serde_json::{Value, json};

const FIRST: &str = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)";
/// Long enough to be killed in it.
const LONG: &str = "
    INSERT INTO notes (id, text) VALUES (1, 'one');
    CREATE TABLE numbers AS
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) SELECT i FROM n;
    INSERT INTO notes (id, text) VALUES (2, 'two')";

fn migrations(texts: &[&str]) -> Migrations {
    let step = |(at, text): (usize, &&str)| {
        Migration::new(&format!("{:03}_step.sql", at + 1), text).expect("a migration")
    };
    Migrations::new("notes", texts.iter().enumerate().map(step).collect()).expect("migrations")
}

async fn rows(database: &dyn Database, sql: &str) -> Value {
    let rows: Vec<Row> = database.raw(sql, &[]).await.expect("rows");
    json!(rows)
}

/// How many migrations are recorded, with the statements of the last; nothing before there is a table.
async fn recorded(database: &dyn Database) -> Vec<Row> {
    let sql =
        "SELECT number, statements, state FROM penstock_migrations WHERE module = 'notes' ORDER BY number";
    match database.raw(sql, &[]).await {
        Err(error) if error.code == code::NO_TABLE => Vec::new(),
        rows => rows.expect("rows"),
    }
}

const CHILD: &str = "PENSTOCK_TEST_MIGRATION_CHILD";

/// Is killed while it migrates. The other test starts it.
#[tokio::test]
#[ignore = "a process of another test"]
async fn migrates_until_it_is_killed() {
    let Some(file) = std::env::var_os(CHILD) else { return };
    let database = SqliteDriver::open(Path::new(&file)).await.unwrap();
    database.migrate(&migrations(&[FIRST, LONG])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_leaves_a_migration_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("modules.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "migrates_until_it_is_killed", "--ignored"])
        .env(CHILD, &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let database = SqliteDriver::open(&file).await.unwrap();
    while recorded(&database).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(recorded(&database).await.len(), 1, "it was killed in the second");
    assert_eq!(rows(&database, "SELECT id FROM notes").await, json!([]));

    let done = database.migrate(&migrations(&[FIRST, LONG])).await.unwrap();
    assert_eq!(done.applied, ["002_step"]);
    assert_eq!(rows(&database, "SELECT id FROM notes ORDER BY id").await, json!([{"id": 1}, {"id": 2}]));
    assert_eq!(rows(&database, "SELECT count(*) AS n FROM numbers").await, json!([{"n": 6_000_000}]));
}

/// The statements of a step that a crash cuts where definitions are kept.
const BEFORE: &str = "ALTER TABLE notes ADD COLUMN a INTEGER; INSERT INTO notes (id, a) VALUES (1, 1);";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_cut_goes_on_where_definitions_are_kept() {
    let Some(server) = Mariadb::start().await.expect("a server starts") else {
        return skip("mysql", "it is not installed");
    };
    let database = MysqlDriver::connect(&server.database().await.unwrap()).await.unwrap();
    let hanging = migrations(&[FIRST, &format!("{BEFORE} SELECT SLEEP(60)")]);
    let is_cut = async {
        while recorded(&database).await.get(1).is_none_or(|row| row["statements"] != 2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        done = database.migrate(&hanging) => panic!("it hangs in its last statement: {done:?}"),
        () = is_cut => {}
    }

    // what is done must not change any more
    let other = migrations(&[FIRST, "ALTER TABLE notes ADD COLUMN z INTEGER; SELECT 1; SELECT 2"]);
    let error = database.migrate(&other).await.unwrap_err();
    assert_eq!(error.code, code::MIGRATION, "{error}");

    // a definition that was made, and not counted when it was cut
    database.raw("ALTER TABLE notes ADD COLUMN b INTEGER", &[]).await.unwrap();
    let whole = migrations(&[
        FIRST,
        &format!(
            "{BEFORE} ALTER TABLE notes ADD COLUMN b INTEGER;
        INSERT INTO notes (id, b) VALUES (2, 2)"
        ),
    ]);
    let done = database.migrate(&whole).await.unwrap();
    assert_eq!(done.applied, ["002_step"]);
    let expected = json!([{"id": 1, "a": 1, "b": null}, {"id": 2, "a": null, "b": 2}]);
    assert_eq!(rows(&database, "SELECT id, a, b FROM notes ORDER BY id").await, expected);
    assert_eq!(database.migrate(&whole).await.unwrap().applied, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_was_refused_is_not_taken_for_done() {
    let Some(server) = Mariadb::start().await.expect("a server starts") else {
        return skip("mysql", "it is not installed");
    };
    let database = MysqlDriver::connect(&server.database().await.unwrap()).await.unwrap();
    database.migrate(&migrations(&[FIRST])).await.unwrap();
    let twice =
        migrations(&[FIRST, "ALTER TABLE notes ADD COLUMN a INTEGER; ALTER TABLE notes ADD COLUMN a TEXT"]);
    for _ in 0..3 {
        let error = database.migrate(&twice).await.unwrap_err();
        assert_eq!(error.code, code::COLUMN_EXISTS, "{error}");
        assert!(error.message.contains("statement 2 of 2"), "{error}");
    }
    let mended =
        migrations(&[FIRST, "ALTER TABLE notes ADD COLUMN a INTEGER; ALTER TABLE notes ADD COLUMN b TEXT"]);
    assert_eq!(database.migrate(&mended).await.unwrap().applied, ["002_step"]);
}
