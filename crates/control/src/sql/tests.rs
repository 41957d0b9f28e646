//! What is particular to the file of SQLite; all else is in the kit.

use penstock_core::Timestamp;

use super::*;
use crate::backend::Filter;
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

    let second = ["`gproxy export --out gproxy.json`", "`penstock import gproxy.json`"];
    let first = ["what GPROXY 1 keeps cannot be brought over"; 2];
    for (number, (tables, says)) in
        [("schema_migrations orgs routes", second), ("global_settings providers", first)].iter().enumerate()
    {
        let name = format!("gproxy-{number}.db");
        let gproxy = connect::to_file(&dir.path().join(&name), 1).await.unwrap();
        for table in tables.split(' ') {
            gproxy.execute_unprepared(&format!("CREATE TABLE {table} (id INTEGER)")).await.unwrap();
        }
        gproxy.execute_unprepared("PRAGMA journal_mode = DELETE").await.unwrap();
        gproxy.close().await.unwrap();
        let before = std::fs::read(dir.path().join(&name)).unwrap();
        let refused = Store::open(&at(&name)).await.unwrap_err();
        assert!(matches!(refused, ControlError::OfGproxy { .. }), "{tables}: {refused}");
        for part in ["name an empty database or another data dir"].iter().chain(says) {
            assert!(refused.to_string().contains(part), "{tables}: {refused}");
        }
        let looked = Store::find(&at(&name)).await.unwrap_err();
        assert!(matches!(looked, ControlError::OfGproxy { .. }), "{tables}: {looked}");
        assert!(std::fs::read(dir.path().join(&name)).unwrap() == before, "{tables}: it stays as it was");
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
async fn a_file_that_could_not_grow_is_written_again_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let backend = SqlBackend::new(Address::Sqlite(dir.path().join("penstock.db")), "the file".to_owned());
    let put = async |name: &str, bytes: usize| {
        let vocab = crate::Vocab { name: name.to_owned(), bytes: vec![7; bytes] };
        backend.write(None, vec![Write::Put(crate::Vocab::table(), vec![vocab.row()])]).await
    };
    put("first", 1).await.unwrap();
    // this connection finds no room; another one knows nothing of that
    let writer = &backend.connections().await.unwrap().writer;
    writer.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
    let refused = put("second", 1 << 20).await.map_err(|error| error.to_string()).unwrap_err();
    assert!(refused.contains("database or disk is full"), "{refused}");
    put("third", 1 << 20).await.unwrap();
    let names = Select::all(crate::Vocab::table());
    let rows = backend.read(&[names]).await.unwrap().remove(0);
    assert_eq!(rows.len(), 2, "what was refused is not there");
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

#[tokio::test]
async fn what_could_not_be_scrubbed_for_a_reader_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("penstock.db");
    let store = Store::open(&Dsn::Sqlite(path.clone())).await.unwrap();
    let reader = connect::to_file(&path, 1).await.unwrap();
    let reading = sea_orm::TransactionTrait::begin(&reader).await.unwrap();
    reading.execute_unprepared("SELECT COUNT(*) FROM orgs").await.unwrap();
    let refused = store.scrub().await.unwrap_err();
    assert!(matches!(refused, ControlError::NotScrubbed(_)), "{refused}");
    reading.rollback().await.unwrap();
    store.scrub().await.unwrap();
}

#[tokio::test]
async fn room_is_given_back_without_writing_the_file_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Dsn::Sqlite(dir.path().join("penstock.db"))).await.unwrap();
    store.put_vocab("large", &vec![7; 1 << 20]).await.unwrap();
    let full = store.size().await.unwrap();
    let all = vec![Filter::equals("name", "large")];
    store.backend().write(None, vec![Write::Delete(crate::Vocab::table(), all)]).await.unwrap();
    store.compact().await.unwrap();
    assert!(store.size().await.unwrap() + (1 << 20) <= full, "what is free does not count");
    let free =
        Statement::from_string(DbBackend::Sqlite, "SELECT freelist_count FROM pragma_freelist_count()");
    let looking = connect::to_look(&dir.path().join("penstock.db")).await.unwrap();
    let free: i64 = looking.query_one_raw(free).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert!(free > 200, "the pages stay in the file, to be written to again: {free}");
}

#[tokio::test]
async fn a_write_fails_whole_if_a_row_is_not_there_that_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Dsn::Sqlite(dir.path().join("penstock.db"))).await.unwrap();
    let lease = |owner: &str| {
        crate::Lease { name: "one".to_owned(), owner: owner.to_owned(), until: Timestamp(1) }.row()
    };
    let lease_table = crate::Lease::table();
    let put = |owner| Write::Put(lease_table, vec![lease(owner)]);
    let nobodys = crate::Session {
        digest: "gone".to_owned(),
        user_id: penstock_core::UserId(1),
        created_at: Timestamp(1),
        expires_at: Timestamp(1),
    };
    store.backend().write(None, vec![put("a")]).await.unwrap();
    let update = Write::Update(crate::Session::table(), nobodys.row());
    let refused = store.backend().write(None, vec![put("b"), update]).await.unwrap_err().to_string();
    assert!(refused.contains("a row of sessions that was to be changed is not there"), "{refused}");
    let found = store.backend().read(&[Select::all(lease_table)]).await.unwrap().remove(0);
    assert_eq!(found, [lease("a")]);
    // one that stays as it is was there
    store.backend().write(None, vec![Write::Update(lease_table, lease("a"))]).await.unwrap();
}

#[tokio::test]
async fn an_insert_that_fails_at_a_later_row_leaves_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Dsn::Sqlite(dir.path().join("penstock.db"))).await.unwrap();
    let there = crate::settlement::tests::settlement(Timestamp(2)).row();
    let insert = |rows| Write::Insert(crate::Settlement::table(), rows);
    store.backend().write(None, vec![insert(vec![there.clone()])]).await.unwrap();
    let (before, after) = (Timestamp(1), Timestamp(3));
    let rows = [before, after].map(|at| crate::settlement::tests::settlement(at).row());
    let [before, after] = rows;
    // four rows are one statement
    let again = insert(vec![before, there.clone(), there.clone(), after]);
    let refused = store.backend().write(None, vec![again]).await.unwrap_err().to_string();
    assert!(refused.contains("UNIQUE"), "{refused}");
    let found = store.backend().read(&[Select::all(crate::Settlement::table())]).await.unwrap().remove(0);
    assert_eq!(found, [there]);
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
