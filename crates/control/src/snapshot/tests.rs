use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{Change, ChangeSet};
use crate::{Dsn, Store};

#[tokio::test]
async fn an_observer_has_seen_a_change_before_whoever_asked_for_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Dsn::Sqlite(folder.path().join("penstock.db"))).await.unwrap();
    let live = Arc::new(LiveSnapshot::new(Snapshot::new(store.load().await.unwrap())));
    let seen = Arc::new(AtomicU64::new(0));
    live.observe({
        let (live, seen) = (Arc::downgrade(&live), Arc::clone(&seen));
        move || seen.store(live.upgrade().unwrap().current().version(), Ordering::Relaxed)
    });
    assert!(!live.refresh(&store).await.unwrap());
    assert_eq!(seen.load(Ordering::Relaxed), 0, "nothing has changed");
    let org = live.current().records().default_org().unwrap().clone();
    let org = crate::Org { description: Some("changed".to_owned()), ..org };
    let committed = store.commit(&ChangeSet::of(Change::Put(org.into()))).await.unwrap();
    assert!(live.refresh(&store).await.unwrap());
    assert_eq!(seen.load(Ordering::Relaxed), committed.version);
}

#[tokio::test]
async fn a_database_that_went_back_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("penstock.db");
    let store = Store::open(&Dsn::Sqlite(path.clone())).await.unwrap();
    let org = store.load().await.unwrap().records.default_org().unwrap().clone();
    let described = |text: &str| {
        ChangeSet::of(Change::Put(crate::Org { description: Some(text.to_owned()), ..org.clone() }.into()))
    };
    store.commit(&described("backed up")).await.unwrap();
    store.close().await.unwrap();
    let backup = std::fs::read(&path).unwrap();
    let store = Store::open(&Dsn::Sqlite(path.clone())).await.unwrap();
    store.commit(&described("later")).await.unwrap();
    store.commit(&described("lost")).await.unwrap();
    let live = LiveSnapshot::new(Snapshot::new(store.load().await.unwrap()));
    store.close().await.unwrap();

    std::fs::write(&path, backup).unwrap();
    let store = Store::open(&Dsn::Sqlite(path)).await.unwrap();
    let described = || live.current().records().default_org().unwrap().description.clone();
    assert_eq!(described().as_deref(), Some("lost"));
    assert!(live.refresh(&store).await.unwrap());
    assert_eq!(described().as_deref(), Some("backed up"));
    assert!(!live.refresh(&store).await.unwrap(), "it is up to date then");
}
