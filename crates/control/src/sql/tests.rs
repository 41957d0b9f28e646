//! What is particular to the file of SQLite; all else is in the kit.

use penstock_core::Timestamp;

use super::*;
use crate::ledger::Migration;
use crate::table::Entity as _;
use crate::{ControlStore as _, Dsn, Store};

#[tokio::test]
async fn a_file_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let dsn = Dsn::Sqlite(dir.path().join("penstock.db"));
    let before = Store::open(&dsn).await.unwrap();
    let loaded = before.load().await.unwrap();
    before.close().await.unwrap();
    assert_eq!(Store::open(&dsn).await.unwrap().load().await.unwrap(), loaded);
}

#[tokio::test]
async fn a_newer_or_a_foreign_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| Dsn::Sqlite(dir.path().join(name));
    let store = Store::open(&at("penstock.db")).await.unwrap();
    let newer = Migration { number: 7, name: "later".to_owned(), applied_at: Timestamp(1) };
    store.backend().write(None, vec![Write::Insert(Migration::table(), vec![newer.row()])]).await.unwrap();
    store.close().await.unwrap();
    let refused = |error: ControlError| error.to_string();
    let newer = Store::open(&at("penstock.db")).await.map_err(refused).unwrap_err();
    assert!(newer.contains("schema version 7, this Penstock knows up to 1"), "{newer}");

    let other = connect::to_file(&dir.path().join("other.db"), 1).await.unwrap();
    other.execute_unprepared("CREATE TABLE invoices (id INTEGER)").await.unwrap();
    other.close().await.unwrap();
    let foreign = Store::open(&at("other.db")).await.map_err(refused).unwrap_err();
    assert!(foreign.contains("\"invoices\""), "{foreign}");

    for (number, tables) in ["schema_migrations orgs routes", "global_settings providers"].iter().enumerate()
    {
        let name = format!("gproxy-{number}.db");
        let gproxy = connect::to_file(&dir.path().join(&name), 1).await.unwrap();
        for table in tables.split(' ') {
            gproxy.execute_unprepared(&format!("CREATE TABLE {table} (id INTEGER)")).await.unwrap();
        }
        gproxy.close().await.unwrap();
        let refused = Store::open(&at(&name)).await.unwrap_err();
        assert!(matches!(refused, ControlError::OfGproxy { .. }), "{tables}: {refused}");
    }

    std::fs::write(
        dir.path().join("garbage.db"),
        "this is not a database, and it is long enough to be looked at".repeat(20),
    )
    .unwrap();
    let garbage = Store::open(&at("garbage.db")).await.map_err(refused).unwrap_err();
    assert!(garbage.contains("not available"), "{garbage}");
}

#[tokio::test]
async fn a_database_from_before_the_first_release_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("penstock.db");
    let old = connect::to_file(&path, 1).await.unwrap();
    old.execute_unprepared("CREATE TABLE penstock_meta (name TEXT PRIMARY KEY, value TEXT)").await.unwrap();
    old.close().await.unwrap();
    let refused = Store::open(&Dsn::Sqlite(path)).await.unwrap_err();
    assert!(matches!(refused, ControlError::TooOld), "{refused}");
}

/// The first schema of each dialect, as it was released: what later versions have to bring up to date.
#[test]
fn the_first_schema_is_pinned() {
    use sea_orm::DbBackend;
    for (backend, name) in
        [(DbBackend::Sqlite, "sqlite"), (DbBackend::Postgres, "postgres"), (DbBackend::MySql, "mysql")]
    {
        let mut text = String::new();
        for definition in schema::definitions(backend) {
            let statements = std::iter::once(schema::text(backend, definition.table, "utf8mb4_bin"))
                .chain(definition.indexes.iter().map(|index| backend.build(index).sql));
            for statement in statements {
                text.push_str(&statement.replace(", \"", ",\n    \"").replace(", `", ",\n    `"));
                text.push_str(";\n");
            }
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/schema-1/{name}.sql"));
        if std::env::var_os("PENSTOCK_WRITE_FIXTURES").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let pinned = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == pinned, "{} differs from the schema that the code makes", path.display());
    }
}
