//! The first format, as it was released: what later versions have to read.

use super::*;
use crate::backend::Filter;
use crate::{ControlStore as _, Dsn, Store};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema-1/file")
}

/// With a row in a table and more in a log, as a gateway leaves it that was killed.
async fn make(folder: &Path) {
    let backend = Arc::new(FileBackend::paced(folder.to_owned(), LAZY));
    let store = Store::over(backend.clone());
    store.make_first_records().await.unwrap();
    let settlement = include_str!("../../../fixtures/settlement-0.1.0.json");
    store.settle(&[serde_json::from_str(settlement).unwrap()]).await.unwrap();
    write(&backend, 1).await.unwrap();
    backend.scrub(&[]).await.unwrap();
    write(&backend, 2).await.unwrap();
    let lease = Filter::equals("name", "000001");
    let gone = [Lease::table(), Vocab::table()].map(|table| Write::Delete(table, vec![lease.clone()]));
    backend.write(None, gone.to_vec()).await.unwrap();
}

#[tokio::test]
async fn the_first_format_opens() {
    if std::env::var_os("PENSTOCK_WRITE_FIXTURES").is_some() {
        drop(std::fs::remove_dir_all(fixture()));
        make(&fixture()).await;
        std::fs::remove_file(fixture().join(".penstock.lock")).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    let backend = FileBackend::new(dir.path().to_owned());
    assert_eq!(pairs(&backend).await, [2]);
    backend.close().await.unwrap();
    let store = Store::find(&Dsn::Folder(dir.path().to_owned())).await.unwrap().expect("it is there");
    let loaded = store.load().await.unwrap();
    assert_eq!((loaded.version, loaded.records.orgs.len()), (1, 1));
    assert!(loaded.records.default_org().is_some());
    let query = crate::UsageQuery { limit: 10, ..crate::UsageQuery::default() };
    let settlement = include_str!("../../../fixtures/settlement-0.1.0.json");
    let settlement: crate::Settlement = serde_json::from_str(settlement).unwrap();
    assert_eq!(store.usage(&query).await.unwrap().rows, std::slice::from_ref(&settlement));
    let again = store.settle(&[settlement]).await.unwrap();
    assert_eq!(again, [crate::Settled::Duplicate]);
}
