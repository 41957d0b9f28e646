//! Secrets in a store: sealed where there is a master key, found nowhere else, and sealed anew on demand.

use std::path::Path;
use std::sync::Arc;

use penstock_control::seal::{Keyring, MasterKey, SealError, Stored};
use penstock_control::{
    AuditEntry, Change, ChangeSet, ControlError, ControlStore, Credential, Provider, Record, saved,
};
use penstock_control::{Dsn, Store};
use penstock_core::{CredentialId, CredentialStrategy, ProviderId, Secret, Timestamp};

const SECRET: &str = "sk-live-4f1c0f5e7c9b4d0c";
const AT: Timestamp = Timestamp(1);

fn with_a_secret() -> ChangeSet {
    let secret = Secret::from(SECRET.to_owned());
    let provider = Provider {
        id: ProviderId(-1),
        name: "openai".to_owned(),
        channel: "openai".to_owned(),
        label: None,
        settings: serde_json::json!({}),
        credential_strategy: CredentialStrategy::RoundRobin,
        proxy_url: Some(Stored::from(&secret)),
        enabled: true,
        created_at: AT,
        updated_at: AT,
    };
    let credential = Credential {
        id: CredentialId(-2),
        provider_id: ProviderId(-1),
        name: "main".to_owned(),
        kind: "api_key".to_owned(),
        secret: Stored::from(&secret),
        weight: 1,
        rpm_limit: None,
        tpm_limit: None,
        enabled: true,
        created_at: AT,
        updated_at: AT,
    };
    ChangeSet::of(Change::Put(provider.into())).and(Change::Put(credential.into()))
}

fn entry() -> AuditEntry {
    AuditEntry {
        actor_id: None,
        actor_name: "command line".to_owned(),
        action: "keys.seal".to_owned(),
        target: String::new(),
        before: None,
        after: None,
        source_ip: None,
    }
}

fn key() -> MasterKey {
    MasterKey::generate().expect("random numbers")
}

/// Where a store of this machine may be.
fn places(folder: &Path) -> [Dsn; 2] {
    [Dsn::Sqlite(folder.join("penstock.db")), Dsn::Folder(folder.join("control"))]
}

/// The files below a folder in which the secret stands.
fn found_in(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(found_in(&path));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        if bytes.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn opened(store: &Store, keyring: &Keyring) -> Vec<Result<String, SealError>> {
    let records = store.load().await.expect("records").records;
    let open = |held: penstock_control::HeldSecret| held.open(keyring).map(|secret| secret.expose().clone());
    records.secrets().map(open).collect()
}

#[tokio::test]
async fn nothing_of_a_secret_is_in_the_files_of_a_sealed_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let keyring = Arc::new(Keyring::new(key(), Vec::new()));
    for dsn in places(folder.path()) {
        let store =
            Store::open(&dsn).await.expect("a store").sealed_with(keyring.clone()).await.expect("keys");
        store.commit(&with_a_secret()).await.expect("a commit");
        saved::save(folder.path(), &store.load().await.expect("records"), &keyring).expect("a snapshot");
        assert_eq!(found_in(folder.path()), Vec::<String>::new());
        assert_eq!(opened(&store, &keyring).await, vec![Ok(SECRET.to_owned()); 2]);
    }
}

#[tokio::test]
async fn a_store_is_sealed_in_place_and_its_files_forget() {
    let folder = tempfile::tempdir().expect("a folder");
    for dsn in places(folder.path()) {
        let open = Store::open(&dsn).await.expect("a store");
        open.commit(&with_a_secret()).await.expect("a commit");
        open.close().await.expect("a close");
        assert_ne!(
            found_in(folder.path()),
            Vec::<String>::new(),
            "in plaintext mode it is there to be found"
        );

        let keyring = Arc::new(Keyring::new(key(), Vec::new()));
        let store =
            Store::open(&dsn).await.expect("a store").sealed_with(keyring.clone()).await.expect("keys");
        assert_eq!(store.reseal(entry()).await.expect("sealed"), 2);
        assert_eq!(store.reseal(entry()).await.expect("sealed"), 0, "there is nothing left to do");
        store.scrub().await.expect("scrubbed");
        assert_eq!(found_in(folder.path()), Vec::<String>::new());
        assert_eq!(opened(&store, &keyring).await, vec![Ok(SECRET.to_owned()); 2]);
    }
}

#[tokio::test]
async fn a_new_master_key_seals_all_and_the_old_one_opens_nothing_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let dsn = Dsn::Sqlite(folder.path().join("penstock.db"));
    let (old, new) = (Arc::new(Keyring::new(key(), Vec::new())), key());
    let both = Arc::new(Keyring::succeeding(new.clone(), &old));
    let alone = Arc::new(Keyring::new(new, Vec::new()));
    let store = Store::open(&dsn).await.expect("a store").sealed_with(old.clone()).await.expect("keys");
    store.commit(&with_a_secret()).await.expect("a commit");
    // another process rotates, while this one goes on
    let rotating = Store::open(&dsn).await.expect("a store").sealed_with(both).await.expect("keys");
    assert_eq!(rotating.reseal(entry()).await.expect("sealed"), 2);
    assert_eq!(opened(&store, &alone).await, vec![Ok(SECRET.to_owned()); 2]);
    assert!(
        opened(&store, &old).await.iter().all(|opened| matches!(opened, Err(SealError::UnknownKey { .. })))
    );

    let wrong = Store::open(&dsn).await.expect("a store").sealed_with(old.clone()).await;
    let said = wrong.expect_err("the old key opens nothing").to_string();
    for key in [&old, &alone] {
        let id = key.current().expect("a key").to_string();
        assert!(said.contains(&id), "both keys are named: {said}");
    }
    let without = Store::open(&dsn).await.expect("a store").sealed_with(Arc::default()).await;
    assert!(matches!(without, Err(ControlError::Seal(SealError::NoKey { .. }))));
}

#[tokio::test]
async fn nothing_is_sealed_under_a_key_that_was_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    for (dsn, before) in
        places(folder.path()).into_iter().zip([Keyring::new(key(), Vec::new()), Keyring::default()])
    {
        let new = key();
        let store = Arc::new(Store::open(&dsn).await.expect("a store"));
        let running = store.beside().sealed_with(Arc::new(before.clone())).await.expect("keys");
        running.commit(&with_a_secret()).await.expect("a commit");
        let both = Arc::new(Keyring::succeeding(new, &before));
        let rotating = store.beside().sealed_with(both).await.expect("keys");
        assert_eq!(rotating.reseal(entry()).await.expect("sealed"), 2);
        let loaded = running.load().await.expect("records");
        let credential = loaded.records.credentials.iter().next().expect("a credential");
        let secret = Stored::from(&Secret::from(SECRET.to_owned()));
        let another =
            Credential { id: CredentialId(-1), name: "late".to_owned(), secret, ..credential.clone() };
        let late = ChangeSet::of(Change::Put(another.into()));
        let refused = running.commit(&late).await.expect_err("it would be sealed under the old key");
        let said = refused.to_string();
        assert!(said.contains("meanwhile") && said.contains("restart it with that key"), "{said}");
        assert_eq!(running.load().await.expect("records"), loaded);
        // what holds no secret goes on, and so does whoever has the new key
        let provider = loaded.records.providers.iter().next().expect("a provider");
        let provider =
            Provider { id: ProviderId(-1), name: "other".to_owned(), proxy_url: None, ..provider.clone() };
        running.commit(&ChangeSet::of(Change::Put(provider.into()))).await.expect("no secret");
        rotating.commit(&late).await.expect("under the new key");
    }
}

#[tokio::test]
async fn a_sealed_secret_opens_in_its_own_row_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let dsn = Dsn::Sqlite(folder.path().join("penstock.db"));
    let keyring = Arc::new(Keyring::new(key(), Vec::new()));
    let store = Store::open(&dsn).await.expect("a store").sealed_with(keyring.clone()).await.expect("keys");
    store.commit(&with_a_secret()).await.expect("a commit");
    let records = store.load().await.expect("records").records;
    let credential = records.credentials.iter().next().expect("a credential");
    // as somebody does who may write the database, and wants to use the secret under a name of their own
    let copied = Credential { id: CredentialId(-1), name: "mine".to_owned(), ..credential.clone() };
    store.commit(&ChangeSet::of(Change::Put(Record::Credential(copied)))).await.expect("a commit");
    let opened = opened(&store, &keyring).await;
    let tampered = opened.iter().filter(|opened| matches!(opened, Err(SealError::Tampered { .. }))).count();
    assert_eq!((opened.len(), tampered), (3, 1), "{opened:?}");
}
