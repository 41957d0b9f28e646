//! A full disk: what the key-value file and SQLite do there. (Blobs have a test of their own beside them.)

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_conformance::servers::skip;
use penstock_storage::ErrorKind;
use penstock_storage::db::query::Order;
use penstock_storage::db::sqlite::SqliteDriver;
use penstock_storage::db::{Database, TableQuery};
use penstock_storage::degrade::{DB_TIMEOUT, DegradingDatabase, DegradingKv, KV_TIMEOUT, Pauses};
use penstock_storage::kv::memory::MemoryKvOptions;
use penstock_storage::kv::{Keep, Key, KvStore, MemoryKv, Ttl};
use serde_json::{Value, json};

/// Names the disk to the half of a test that runs on it.
const DISK: &str = "PENSTOCK_TEST_FULL_DISK";
/// How a script says that it may not do what it would have to.
const NOT_HERE: i32 = 77;
/// A value that takes a good part of the disk.
const LARGE: u64 = 1 << 20;
/// A condition that does not hold in this time never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the ignored test `name` with a disk of eight megabytes.
fn on_a_small_disk(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().display();
    // in a name space of its own, so that the disk goes away with it
    let script = format!(
        r#"unshare --mount true 2>/dev/null && own="unshare --mount" || own="unshare --user --map-root-user --mount"
        $own sh -c 'mount -t tmpfs -o size=8m none {mount} || exit {NOT_HERE}; exec "$@"' sh "$@" || exit $?"#
    );
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", name, "--nocapture"])
        .env(DISK, folder.path())
        .output()
        .unwrap();
    if output.status.code() == Some(NOT_HERE) {
        return skip("tmpfs", "a disk of its own cannot be mounted here");
    }
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success() && said[0].contains("1 passed"), "{said:?}");
}

fn disk() -> PathBuf {
    std::env::var_os(DISK).unwrap().into()
}

/// Takes all room that is left.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("ballast");
    let mut file = File::create(&path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    path
}

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

async fn open(disk: &Path) -> Arc<MemoryKv> {
    let options = MemoryKvOptions { file: Some(disk.join("kv")), ..MemoryKvOptions::default() };
    Arc::new(MemoryKv::open(options).await.unwrap())
}

#[test]
fn the_key_value_file_on_a_full_disk() {
    on_a_small_disk("full::keys_and_values_on_a_full_disk");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn keys_and_values_on_a_full_disk() {
    let disk = disk();
    let store = open(&disk).await;
    let kv = DegradingKv::new(store.clone(), Pauses::for_calls(KV_TIMEOUT));
    kv.set(&key("old"), "old", Ttl::Forever, Keep::Always).await.unwrap();
    kv.incr(&key("counter"), 41, Ttl::Forever).await.unwrap();
    store.flush().await.unwrap();

    // room for the log, but not for the file that it has to be brought into
    let ballast = fill(&disk);
    let room = 3 * LARGE / 2;
    let length = std::fs::metadata(&ballast).unwrap().len() - room;
    File::options().write(true).open(&ballast).unwrap().set_len(length).unwrap();
    let large = "x".repeat(usize::try_from(LARGE).unwrap());
    kv.set(&key("new"), &large, Ttl::Forever, Keep::Always).await.unwrap();
    for _ in 0..2 {
        assert!(store.flush().await.is_err(), "the file cannot grow");
    }
    // what cannot be written down is not done
    let refused = [
        kv.set(&key("refused"), &large, Ttl::Forever, Keep::Always).await.unwrap_err(),
        kv.cas(&key("old"), Some("old"), &large, Ttl::Forever).await.unwrap_err(),
    ];
    assert_eq!(refused.map(|error| error.kind), [ErrorKind::Full; 2]);
    // and what is there can be read: this is no outage
    for _ in 0..100 {
        assert_eq!(kv.get(&key("refused")).await.unwrap(), None);
        assert_eq!(kv.get(&key("old")).await.unwrap().as_deref(), Some("old"));
    }
    assert_eq!(kv.guard().health().trouble, None);

    std::fs::remove_file(ballast).unwrap();
    assert_eq!(kv.incr(&key("counter"), 1, Ttl::Forever).await.unwrap(), 42);
    let start = Instant::now();
    while let Err(error) = store.flush().await {
        assert!(start.elapsed() < PATIENCE, "the file is not written again: {error}");
    }
    store.close().await.unwrap();
    drop((kv, store));
    // all of it is in the file: the logs would have it too
    for log in ["kv.log1", "kv.log2"] {
        std::fs::remove_file(disk.join(log)).unwrap();
    }
    let store = open(&disk).await;
    assert_eq!(store.get(&key("old")).await.unwrap().as_deref(), Some("old"));
    assert_eq!(store.get(&key("counter")).await.unwrap().as_deref(), Some("42"));
    assert_eq!(store.get(&key("new")).await.unwrap().as_deref(), Some(&*large));
    assert_eq!(store.get(&key("refused")).await.unwrap(), None);
}

#[test]
fn sqlite_on_a_full_disk() {
    on_a_small_disk("full::rows_on_a_full_disk");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it, on a small disk"]
async fn rows_on_a_full_disk() {
    let disk = disk();
    let open = async || Arc::new(SqliteDriver::open(&disk.join("modules.db")).await.unwrap());
    let file = open().await;
    let database = DegradingDatabase::new(file.clone(), Pauses::for_calls(DB_TIMEOUT));
    database.raw("CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, note TEXT)", &[]).await.unwrap();
    let notes = || TableQuery::on(&database, "notes");
    let first = json!([{"id": "a", "note": "there"}]);
    assert_eq!(notes().insert(first.clone()).run().await.error, None);

    let ballast = fill(&disk);
    let large = "x".repeat(256 * 1024);
    let many = json!([{"id": "b", "note": "small"}, {"id": "c", "note": large}]);
    for _ in 0..3 {
        let refused = notes().insert(many.clone()).run().await;
        assert_eq!(refused.data, Value::Null);
        let error = refused.error.unwrap();
        assert_eq!((error.kind, &*error.code), (ErrorKind::Full, "53100"), "{error:?}");
        // none of its rows is there, and what is there can be read: this is no outage
        assert_eq!(notes().select("*").run().await.data, first);
    }
    assert_eq!(database.guard().health().trouble, None);

    std::fs::remove_file(ballast).unwrap();
    assert_eq!(notes().insert(many.clone()).run().await.error, None);
    file.close().await;
    let again = open().await;
    let rows = TableQuery::on(&*again, "notes").select("*").order("id", Order::default()).run().await;
    assert_eq!(rows.data, json!([first[0], many[0], many[1]]));
}
