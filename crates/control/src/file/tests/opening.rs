//! Whose a folder is, what is in its files, and what is damaged.

use super::*;
use crate::{ControlStore as _, Dsn, Gproxy, Store};

#[tokio::test]
async fn a_store_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let dsn = Dsn::Folder(dir.path().join("control"));
    assert!(Store::find(&dsn).await.unwrap().is_none());
    assert!(!dir.path().join("control").exists(), "to look makes nothing");
    let before = Store::open(&dsn).await.unwrap();
    let loaded = before.load().await.unwrap();
    before.close().await.unwrap();
    let again = Store::find(&dsn).await.unwrap().expect("it is there");
    assert_eq!(again.load().await.unwrap(), loaded);
}

#[tokio::test]
async fn people_can_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FileBackend::paced(dir.path().to_owned(), LAZY);
    write(&backend, 1).await.unwrap();
    let log = String::from_utf8(std::fs::read(&logs(dir.path())[0]).unwrap()).unwrap();
    assert!(log.contains(r#"put tokenizer_vocabs {"name":"000001","bytes":"AP8KHg=="}"#), "{log}");
    write(&backend, 2).await.unwrap();
    backend.close().await.unwrap();
    let table = std::fs::read_to_string(dir.path().join("tokenizer_vocabs.json")).unwrap();
    let expected =
        "[\n{\"name\":\"000001\",\"bytes\":\"AP8KHg==\"},\n{\"name\":\"000002\",\"bytes\":\"AP8KHg==\"}\n]\n";
    assert_eq!(table, expected);
    assert!(logs(dir.path()).iter().all(|log| std::fs::metadata(log).unwrap().len() == 0));
    let stamp: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("schema_version.json")).unwrap()).unwrap();
    assert_eq!(stamp, serde_json::json!({"program": "penstock", "schema_version": SCHEMA}));
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn one_process_at_a_time_has_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = FileBackend::new(dir.path().to_owned());
    first.prepare().await.unwrap();
    let second = FileBackend::new(dir.path().to_owned());
    let refused = second.prepare().await.unwrap_err().to_string();
    assert!(refused.contains("another process has") && refused.contains("stop the gateway"), "{refused}");
    first.close().await.unwrap();
    second.prepare().await.unwrap();
    // dropped without a word, it does not keep it either
    drop(second);
    FileBackend::new(dir.path().to_owned()).prepare().await.unwrap();
}

#[tokio::test]
async fn one_that_waits_gets_the_folder_when_it_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let first = FileBackend::new(dir.path().to_owned());
    write(&first, 1).await.unwrap();
    let second = FileBackend::new(dir.path().to_owned());
    let (prepared, closed) = tokio::join!(second.prepare(), first.close());
    prepared.unwrap();
    closed.unwrap();
    assert_eq!(pairs(&second).await, [1]);
}

/// Everything in a folder, with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn what_is_anothers_is_refused_and_left_as_it_is() {
    let cases = [
        ("notes.txt", "mine", "\"notes.txt\""),
        ("users.json", "[]", "\"users.json\""),
        ("schema_version.json", "{\"version\": 3}", "\"schema_version.json\""),
        ("schema_version.json", "{\"program\": \"other\", \"schema_version\": 1}", "\"schema_version.json\""),
        (".gproxy.lock", "", "GPROXY"),
        (
            "schema_version.json",
            "{\"program\": \"penstock\", \"schema_version\": 7}",
            "schema version 7, this Penstock knows up to 1",
        ),
    ];
    for (name, text, says) in cases {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
        let before = content(dir.path());
        let backend = FileBackend::new(dir.path().to_owned());
        for refused in [backend.prepare().await.unwrap_err(), backend.is_there().await.unwrap_err()] {
            assert!(refused.to_string().contains(says), "{name}: {refused}");
        }
        assert_eq!(content(dir.path()), before, "{name}");
    }
}

#[tokio::test]
async fn gproxys_data_dir_is_left_alone_and_its_lock_respected() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(".gproxy.lock"), "").unwrap();
    let folder = dir.path().join("control");
    let refused = FileBackend::new(folder.clone()).prepare().await.unwrap_err();
    assert!(matches!(refused, ControlError::OfGproxy { version: Gproxy::Second, .. }), "{refused}");
    assert!(refused.to_string().contains("`gproxy export --out gproxy.json`"), "{refused}");
    assert!(!folder.exists());

    std::fs::remove_file(dir.path().join(".gproxy.lock")).unwrap();
    let backend = FileBackend::new(folder.clone());
    backend.prepare().await.unwrap();
    backend.close().await.unwrap();
    let theirs = std::fs::File::create(dir.path().join(".gproxy.lock")).unwrap();
    theirs.lock().unwrap();
    let refused = FileBackend::new(folder.clone()).prepare().await.unwrap_err();
    assert!(matches!(refused, ControlError::Unavailable(_)), "{refused}");
    drop(theirs);
    FileBackend::new(folder).prepare().await.unwrap();
}

#[tokio::test]
async fn a_torn_end_of_the_log_is_cut_and_damage_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FileBackend::paced(dir.path().to_owned(), LAZY);
    write(&backend, 1).await.unwrap();
    let log = logs(dir.path()).pop().unwrap();
    let first = std::fs::read(&log).unwrap().len();
    write(&backend, 2).await.unwrap();
    drop(backend);
    let whole = std::fs::read(&log).unwrap();

    for at in [first / 2, first + 3, whole.len() - 2] {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        std::fs::write(&log, &flipped).unwrap();
        let refused = FileBackend::new(dir.path().to_owned()).prepare().await.unwrap_err().to_string();
        assert!(refused.contains("redo-0000000000000001.log") && refused.contains("from byte"), "{refused}");
        assert_eq!(std::fs::read(&log).unwrap(), flipped, "nothing is changed");
    }

    std::fs::write(&log, &whole[..whole.len() - 2]).unwrap();
    let backend = FileBackend::paced(dir.path().to_owned(), LAZY);
    assert_eq!(pairs(&backend).await, [1]);
    write(&backend, 3).await.unwrap();
    drop(backend);
    assert_eq!(pairs(&FileBackend::new(dir.path().to_owned())).await, [1, 3]);
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_refused_by_name_without_its_texts() {
    let good = r#"{"name":"a","owner":"o","until":1}"#;
    let cases = [
        ("[", "EOF"),
        ("{}", "expected an array of rows of leases"),
        (r#"[{"name":"a","owner":"o"}]"#, "the column \"until\" is missing"),
        (r#"[{"name":"a","owner":"o","until":1,"more":"geheim"}]"#, "unknown column \"more\""),
        (
            r#"[{"name":"a","owner":"o","until":"geheim"}]"#,
            "expected a whole number of 64 bits, found a text",
        ),
        (r#"[{"name":"a","owner":null,"until":1}]"#, "expected a text, found null"),
        (r#"[{"name":"a","owner":true,"until":1}]"#, "expected a text, found a truth value"),
        (r#"[{"name":"a","owner":"o","until":1.5}]"#, "found a number with a fraction"),
        (r#"[{"name":"a","name":"a","owner":"o","until":1}]"#, "the column \"name\" is there twice"),
        (&format!("[{good},{good}]"), "two rows have the same primary key"),
        (&format!("[{good}] x"), "trailing characters"),
    ];
    for (text, says) in cases {
        let dir = tempfile::tempdir().unwrap();
        let backend = FileBackend::new(dir.path().to_owned());
        backend.prepare().await.unwrap();
        backend.close().await.unwrap();
        std::fs::write(dir.path().join("leases.json"), text).unwrap();
        let refused = FileBackend::new(dir.path().to_owned()).prepare().await.unwrap_err().to_string();
        assert!(refused.contains("leases.json") && !refused.contains("geheim"), "{text}: {refused}");
        assert!(refused.replace('\\', "").contains(says), "{text}: {refused}");
    }
}

#[tokio::test]
async fn a_write_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FileBackend::new(dir.path().to_owned());
    write(&backend, 1).await.unwrap();
    let Write::Put(table, rows) = pair(1).remove(0) else { panic!("a put") };
    let mut writes = pair(2);
    writes.push(Write::Insert(table, rows));
    let refused = backend.write(None, writes).await.unwrap_err().to_string();
    assert!(refused.contains("a row of leases has the primary key of one that is there"), "{refused}");
    let moved = backend.write(Some(Guard { name: "leases", expected: 7 }), pair(3)).await.unwrap();
    assert_eq!(moved, Written::Moved);
    assert_eq!(pairs(&backend).await, [1]);
    let session = crate::Session {
        digest: "d".to_owned(),
        user_id: penstock_core::UserId(5),
        created_at: penstock_core::Timestamp(1),
        expires_at: penstock_core::Timestamp(2),
    };
    let orphan = vec![Write::Put(crate::Session::table(), vec![session.row()])];
    let refused = backend.write(None, orphan).await.unwrap_err().to_string();
    assert!(refused.contains("points at what is not there with user_id"), "{refused}");
}

#[tokio::test]
async fn a_long_log_becomes_tables_while_writes_go_on() {
    const WRITES: usize = 200;
    let dir = tempfile::tempdir().unwrap();
    let backend = FileBackend::paced(dir.path().to_owned(), HASTY);
    let writes = (0..WRITES).map(|number| write(&backend, number));
    futures_util::future::try_join_all(writes).await.unwrap();
    for number in WRITES..2 * WRITES {
        write(&backend, number).await.unwrap();
    }
    assert_eq!(pairs(&backend).await.len(), 2 * WRITES);
    drop(backend);
    let log = logs(dir.path()).pop().unwrap();
    assert_ne!(log.file_name().unwrap(), "redo-0000000000000001.log", "tables were written in between");
    let again = FileBackend::new(dir.path().to_owned());
    assert_eq!(pairs(&again).await, (0..2 * WRITES).collect::<Vec<_>>());
    again.scrub(&[]).await.unwrap();
    let left: u64 = logs(dir.path()).iter().map(|log| std::fs::metadata(log).unwrap().len()).sum();
    assert_eq!(left, 0, "nothing is left in logs");
}

#[tokio::test]
async fn small_changes_reach_the_tables_after_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let pace = Pace { log: u64::MAX, pause: Duration::from_millis(20), ease: 0 };
    let backend = FileBackend::paced(dir.path().to_owned(), pace);
    write(&backend, 1).await.unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(dir.path().join("leases.json")).is_ok_and(|text| text.contains("000001")) {
        assert!(Instant::now() < until, "the table is not written");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_a_store_was_closed_with_is_refused_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let backend = FileBackend::new(dir.path().to_owned());
    write(&backend, 1).await.unwrap();
    backend.close().await.unwrap();
    backend.close().await.unwrap();
    let refused = write(&backend, 2).await.unwrap_err().to_string();
    assert!(refused.contains("it was closed"), "{refused}");
}
