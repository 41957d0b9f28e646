use penstock_core::{KeyId, OrgId, Timestamp, UserId};

use super::*;
use crate::settlement::tests::settlement;
use crate::{
    Change, Grouping, KeyDigest, KeyLookup, Kind, Permission, Record, Scope, Snapshot, User, UserKey, totals,
};

async fn store() -> (SqlStore, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open_sqlite(&dir.path().join("penstock.db")).await.unwrap();
    (store, dir)
}

fn user(id: i64, name: &str, org: OrgId) -> Record {
    let at = Timestamp(1);
    Record::User(User {
        id: UserId(id),
        name: name.to_owned(),
        org_id: org,
        team_id: None,
        is_admin: false,
        enabled: true,
        created_at: at,
        updated_at: at,
    })
}

fn key(id: i64, user: i64, text: &str) -> UserKey {
    let at = Timestamp(1);
    UserKey {
        id: KeyId(id),
        user_id: UserId(user),
        digest: KeyDigest::of(text),
        label: None,
        prefix: text.to_owned(),
        tier: "local".to_owned(),
        expires_at: None,
        enabled: true,
        created_at: at,
        updated_at: at,
    }
}

/// Ada with the key `sk-pen-ada`, who may use what `openai/*` covers.
async fn with_ada(store: &SqlStore) -> (i64, UserKey) {
    let org = store.load().await.unwrap().records.default_org().unwrap().id;
    let permission =
        Permission { id: -3, scope: Scope::User(UserId(-1)), route_pattern: "openai/*".to_owned() };
    let changes = ChangeSet::of(Change::Put(user(-1, "ada", org)))
        .and(Change::Put(Record::UserKey(key(-2, -1, "sk-pen-ada"))))
        .and(Change::Put(Record::Permission(permission)));
    let made = store.commit(&changes).await.unwrap();
    let id = made.id(-1).unwrap();
    (id, key(made.id(-2).unwrap(), id, "sk-pen-ada"))
}

async fn lookup(store: &SqlStore, text: &str, now: Timestamp) -> KeyLookup {
    Snapshot::new(store.load().await.unwrap()).key(&KeyDigest::of(text), now)
}

#[tokio::test]
async fn what_is_made_together_refers_to_each_other() {
    let (store, _dir) = store().await;
    let before = store.version().await.unwrap();
    let (ada, _) = with_ada(&store).await;
    assert_eq!(store.version().await.unwrap(), before + 1);
    let KeyLookup::Valid(principal) = lookup(&store, "sk-pen-ada", Timestamp(5)).await else { panic!() };
    assert_eq!(principal.user_id, UserId(ada));
    assert!(principal.may_use("openai/gpt-4o") && !principal.may_use("anthropic/claude"));
}

#[tokio::test]
async fn a_refused_commit_changes_nothing() {
    let (store, _dir) = store().await;
    let (ada, _) = with_ada(&store).await;
    let before = store.load().await.unwrap();
    let org = before.records.default_org().unwrap().id;
    let bob = || ChangeSet::of(Change::Put(user(-1, "bob", org)));
    let cases = [
        (bob().and(Change::Put(user(-2, "ada", org))), "user \"ada\" exists already"),
        (bob().and(Change::Put(Record::UserKey(key(-2, 99, "x")))), "the key refers to an unknown user"),
        (bob().and(Change::Delete(Kind::User, 99)), "no user with id 99"),
        (bob().and(Change::Put(user(99, "eve", org))), "no user with id 99"),
        (
            bob().and(Change::Put(Record::UserKey(key(-2, ada, "sk-pen-ada")))),
            "key \"sk-pen-ada\" exists already",
        ),
        (bob().and(Change::Put(user(-2, "eve", OrgId(99)))), "the user refers to an unknown organisation"),
    ];
    for (changes, message) in cases {
        assert_eq!(store.commit(&changes).await.unwrap_err().to_string(), message);
    }
    assert_eq!(store.load().await.unwrap(), before);
}

#[tokio::test]
async fn changes_made_from_old_records_are_refused() {
    let (store, _dir) = store().await;
    let (_, key) = with_ada(&store).await;
    let version = store.version().await.unwrap();
    let put = |key: UserKey| ChangeSet::of(Change::Put(Record::UserKey(key))).based_on(version);
    let revoked = UserKey { enabled: false, ..key.clone() };
    store.commit(&put(revoked.clone())).await.unwrap();
    let renamed = UserKey { label: Some("laptop".to_owned()), ..key };
    assert!(matches!(store.commit(&put(renamed)).await, Err(ControlError::Stale)));
    assert_eq!(store.load().await.unwrap().records.keys, [revoked]);
}

#[tokio::test]
async fn keys_that_stopped_working_stay_known() {
    let (store, _dir) = store().await;
    let (ada, key) = with_ada(&store).await;
    let put = |key: UserKey| ChangeSet::of(Change::Put(Record::UserKey(key)));
    let reason = |lookup: KeyLookup| match lookup {
        KeyLookup::Refused(reason) => reason,
        other => panic!("{other:?}"),
    };
    let expiring = UserKey { expires_at: Some(Timestamp(10)), ..key.clone() };
    store.commit(&put(expiring)).await.unwrap();
    assert!(matches!(lookup(&store, "sk-pen-ada", Timestamp(9)).await, KeyLookup::Valid(_)));
    assert_eq!(reason(lookup(&store, "sk-pen-ada", Timestamp(10)).await), "it has expired");
    store.commit(&put(UserKey { enabled: false, ..key.clone() })).await.unwrap();
    assert_eq!(reason(lookup(&store, "sk-pen-ada", Timestamp(1)).await), "it has been revoked");
    store.commit(&ChangeSet::of(Change::Delete(Kind::User, ada))).await.unwrap();
    assert_eq!(reason(lookup(&store, "sk-pen-ada", Timestamp(1)).await), "it has been deleted");
    let loaded = store.load().await.unwrap();
    assert!(loaded.records.keys.is_empty() && loaded.records.permissions.is_empty());
    assert!(!Snapshot::new(loaded).is_keyless(), "a deleted key does not bring open mode back");
}

#[tokio::test]
async fn settling_again_changes_nothing() {
    let (store, _dir) = store().await;
    let rows: Vec<_> = (1..=1_200).map(|at| settlement(Timestamp(at))).collect();
    let first = store.settle(&rows[..700]).await.unwrap();
    assert!(first.iter().all(|settled| *settled == Settled::Applied));
    let again = store.settle(&rows).await.unwrap();
    assert_eq!(again.iter().filter(|settled| **settled == Settled::Duplicate).count(), 700);
    let twice = [settlement(Timestamp(5_000)), rows[0].clone()];
    let twice = [twice[0].clone(), twice[0].clone(), twice[1].clone()];
    assert_eq!(
        store.settle(&twice).await.unwrap(),
        [Settled::Applied, Settled::Duplicate, Settled::Duplicate]
    );

    let mut read = Vec::new();
    let mut query = UsageQuery { limit: 500, until: Some(Timestamp(5_000)), ..UsageQuery::default() };
    loop {
        let page = store.usage(&query).await.unwrap();
        read.extend(page.rows);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(read, rows, "rows come back as they went in, in order, each once");
}

#[tokio::test]
async fn concurrent_settlements_of_the_same_rows_apply_once() {
    let (store, _dir) = store().await;
    let store = std::sync::Arc::new(store);
    let rows: std::sync::Arc<Vec<_>> =
        std::sync::Arc::new((1..=50).map(|at| settlement(Timestamp(at))).collect());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (store, rows) = (store.clone(), rows.clone());
            tokio::spawn(async move { store.settle(&rows).await.unwrap() })
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        applied += task.await.unwrap().iter().filter(|settled| **settled == Settled::Applied).count();
    }
    assert_eq!(applied, 50);
}

#[tokio::test]
async fn sums_are_exact_and_filtered() {
    let (store, _dir) = store().await;
    let (ada, key) = with_ada(&store).await;
    let rows: Vec<_> = (0..3_000)
        .map(|at| Settlement {
            cost: "0.1".parse().ok(),
            user_id: (at % 3 == 0).then_some(UserId(ada)),
            key_id: (at % 3 == 0).then_some(key.id),
            tenant: (at % 3 == 1).then(|| "byok:12".into()),
            ..settlement(Timestamp(at))
        })
        .collect();
    store.settle(&rows).await.unwrap();
    let records = store.load().await.unwrap().records;
    let sums = totals(&store, &records, &UsageQuery::default(), Grouping::User).await.unwrap();
    let read: Vec<_> =
        sums.iter().map(|sum| (sum.group.as_str(), sum.requests, sum.cost.to_string())).collect();
    let expected = ["(no key)", "ada", "byok:12"].map(|group| (group, 1_000, "100".to_owned()));
    assert_eq!(read, expected);
    let query =
        UsageQuery { user: Some(UserId(ada)), since: Some(Timestamp(1_500)), ..UsageQuery::default() };
    let sums = totals(&store, &records, &query, Grouping::Day).await.unwrap();
    assert_eq!((sums.len(), sums[0].group.as_str(), sums[0].requests), (1, "1970-01-01", 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_opens_again_and_several_may_start_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("penstock.db");
    // more than two make it likely that some meet in the switch to WAL
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { SqlStore::open_sqlite(&path).await })
        })
        .collect();
    let mut opened = Vec::new();
    for store in opening {
        opened.push(store.await.unwrap().unwrap());
    }
    let (first, second) = (opened.pop().unwrap(), opened.pop().unwrap());
    with_ada(&first).await;
    assert_eq!(second.load().await.unwrap(), first.load().await.unwrap());
    assert_eq!(first.load().await.unwrap().records.orgs.len(), 1);
    first.close().await.unwrap();
    second.close().await.unwrap();
    let third = SqlStore::open_sqlite(&path).await.unwrap();
    assert_eq!(third.load().await.unwrap().records.users.len(), 1);
}

#[tokio::test]
async fn a_newer_or_a_foreign_database_is_refused() {
    let (store, dir) = store().await;
    entity::meta::set(&store.writer, "schema", "7".to_owned()).await.unwrap();
    store.close().await.unwrap();
    let refused = |error: ControlError| error.to_string();
    let newer = SqlStore::open_sqlite(&dir.path().join("penstock.db")).await.map_err(refused).unwrap_err();
    assert!(newer.contains("schema version 7, this Penstock knows up to 1"), "{newer}");

    let path = dir.path().join("other.db");
    let other = connect(&path, 1).await.unwrap();
    other.execute_unprepared("CREATE TABLE invoices (id INTEGER)").await.unwrap();
    other.close().await.unwrap();
    let foreign = SqlStore::open_sqlite(&path).await.map_err(refused).unwrap_err();
    assert!(foreign.contains("\"invoices\""), "{foreign}");

    let garbage = dir.path().join("garbage.db");
    std::fs::write(&garbage, "this is not a database, and it is long enough to be looked at".repeat(20))
        .unwrap();
    let garbage = SqlStore::open_sqlite(&garbage).await.map_err(refused).unwrap_err();
    assert!(garbage.contains("not available"), "{garbage}");
}
