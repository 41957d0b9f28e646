//! What is particular to the file of SQLite; all else is in the kit.

use super::*;

#[tokio::test]
async fn a_file_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let dsn = Dsn::Sqlite(dir.path().join("penstock.db"));
    let before = SqlStore::open(&dsn).await.unwrap();
    let loaded = before.load().await.unwrap();
    before.close().await.unwrap();
    assert_eq!(SqlStore::open(&dsn).await.unwrap().load().await.unwrap(), loaded);
}

#[tokio::test]
async fn a_newer_or_a_foreign_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| Dsn::Sqlite(dir.path().join(name));
    let store = SqlStore::open(&at("penstock.db")).await.unwrap();
    entity::meta::set(&store.connections.writer, "schema", "7".to_owned()).await.unwrap();
    store.close().await.unwrap();
    let refused = |error: ControlError| error.to_string();
    let newer = SqlStore::open(&at("penstock.db")).await.map_err(refused).unwrap_err();
    assert!(newer.contains("schema version 7, this Penstock knows up to 1"), "{newer}");

    let other = connect::to_file(&dir.path().join("other.db"), 1).await.unwrap();
    other.execute_unprepared("CREATE TABLE invoices (id INTEGER)").await.unwrap();
    other.close().await.unwrap();
    let foreign = SqlStore::open(&at("other.db")).await.map_err(refused).unwrap_err();
    assert!(foreign.contains("\"invoices\""), "{foreign}");

    std::fs::write(
        dir.path().join("garbage.db"),
        "this is not a database, and it is long enough to be looked at".repeat(20),
    )
    .unwrap();
    let garbage = SqlStore::open(&at("garbage.db")).await.map_err(refused).unwrap_err();
    assert!(garbage.contains("not available"), "{garbage}");
}
