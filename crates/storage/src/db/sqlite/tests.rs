//! A connection by itself, without the guard that stands before it.

use super::*;

/// Runs each of `statements` on a storage connection, as if the guard had let it through.
async fn run(folder: &Path, sql: &str) -> Result<Rows, DbError> {
    let options = options().filename(folder.join("modules.db")).create_if_missing(true);
    let connection = pool(options, 1, true).await?.acquire().await.map_err(|error| failure(&error))?;
    let mut held = Held::Loose(connection);
    let setup = "CREATE TABLE IF NOT EXISTS t (a TEXT)";
    held.run(Statement::plain(setup)).await?;
    held.run(Statement::plain(sql)).await
}

#[tokio::test]
async fn the_authoriser_refuses_what_reaches_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let statements = [
        "ATTACH 'other.db' AS other",
        "ATTACH 'file:other.db?mode=ro' AS other",
        "ATTACH ('oth' || 'er.db') AS other",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM INTO 'copy.db'",
        "PRAGMA writable_schema = ON",
        "PRAGMA writable_schema",
        "PRAGMA trusted_schema = ON",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA main.\"journal_mode\"",
        "PRAGMA page_size = 512",
        "PRAGMA temp_store_directory = '/'",
        "PRAGMA database_list",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('x')",
        "SELECT \"LOAD_extension\"('x', 'y') FROM t",
        "SELECT fts3_tokenizer('simple')",
        "CREATE TEMP TABLE u (a)",
        "CREATE TABLE temp.u (a)",
        "CREATE TABLE \"TEMP\".u (a)",
        "CREATE VIRTUAL TABLE temp.u USING fts5(a)",
        "CREATE VIEW temp.u AS SELECT * FROM t",
        "CREATE TEMPORARY TABLE u AS SELECT * FROM t",
        "CREATE TEMP VIEW u AS SELECT * FROM t",
        "CREATE TEMP TRIGGER u AFTER INSERT ON t BEGIN DELETE FROM t; END",
    ];
    for sql in statements {
        let error = run(folder.path(), sql).await.expect_err(sql);
        assert_eq!((error.code.as_str(), error.status), (code::DENIED, 403), "{sql}: {error}");
        assert!(error.message.contains("not for modules"), "{sql}: {error}");
        assert!(error.hint.is_some(), "{sql}");
    }
    let files = std::fs::read_dir(folder.path()).expect("the folder").flatten();
    let names: Vec<_> = files.map(|file| file.file_name()).filter(|name| name != "modules.db").collect();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test]
async fn the_authoriser_lets_modules_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let statements = [
        "SELECT vec_version()",
        "INSERT INTO t (a) VALUES ('1')",
        "CREATE VIEW IF NOT EXISTS v AS SELECT * FROM t",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT max(i) FROM n",
        "ALTER TABLE t ADD COLUMN b REAL DEFAULT 1.5",
        "ALTER TABLE t RENAME COLUMN a TO c",
        "ALTER TABLE t RENAME TO t2",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "SELECT * FROM f WHERE f MATCH 'x'",
        "CREATE VIRTUAL TABLE n USING vec0(embedding float[3])",
        "PRAGMA table_info(t)",
        "SELECT name FROM pragma_table_info('t')",
        "PRAGMA integrity_check",
        "VACUUM",
        "DROP TABLE t",
    ];
    for sql in statements {
        if let Err(error) = run(folder.path(), sql).await {
            panic!("{sql}: {error} {:?}", error.details);
        }
    }
}

#[tokio::test]
async fn every_connection_has_sqlite_vec() {
    let folder = tempfile::tempdir().expect("a folder");
    let sql = "SELECT vec_distance_cosine('[1, 0]', '[0, 2]')";
    let found = run(folder.path(), sql).await.expect("the function is there");
    assert_eq!(found.rows, [[Cell::Real(1.0)]]);
}
