use http::HeaderName;
use penstock_control::accounts::{NewKey, NewUser, add_user, create_key, delete_key, revoke_key};
use penstock_control::{Change, ChangeSet, ControlStore, DigestAlgorithm, Kind, Org, Record, User, UserKey};
use penstock_control::{Dsn, Store};

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const NOBODY: Access = Access { loopback: false, own_keys: false, admin_key: None };
const LOOPBACK: Access = Access { loopback: true, own_keys: false, admin_key: None };
const OWN_KEYS: Access = Access { loopback: false, own_keys: true, admin_key: None };
const BOTH: Access = Access { loopback: true, own_keys: true, admin_key: None };
const ALL: [Access; 4] = [NOBODY, LOOPBACK, OWN_KEYS, BOTH];

const HERE: Remote = Remote::Connection(Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)));

/// What became of a key.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Live,
    Expired,
    Revoked,
    Deleted,
    UserDisabled,
    UserDeleted,
    OrgDisabled,
}

/// A snapshot of a store in which one key was ever made, and that key.
async fn made(fate: Fate) -> (Snapshot, String) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Dsn::Sqlite(dir.path().join("penstock.db"))).await.unwrap();
    let ada = NewUser { name: "ada".to_owned(), is_admin: false, permissions: vec!["*".to_owned()] };
    let ada = add_user(&store, &ada, NOW).await.unwrap();
    let expires_at = matches!(fate, Fate::Expired).then_some(NOW);
    let (key, secret) = create_key(&store, "ada", NewKey { label: None, expires_at }, NOW).await.unwrap();
    let records = store.load().await.unwrap().records;
    let commit = |change| {
        let (store, changes) = (&store, ChangeSet::of(change));
        async move { store.commit(&changes).await.map(drop).unwrap() }
    };
    match fate {
        Fate::Live | Fate::Expired => {}
        Fate::Revoked => drop(revoke_key(&store, &key.id.to_string(), NOW).await.unwrap()),
        Fate::Deleted => delete_key(&store, key.id).await.unwrap(),
        Fate::UserDisabled => {
            let user = User { enabled: false, ..records.user("ada").unwrap().clone() };
            commit(Change::Put(Record::User(user))).await;
        }
        Fate::UserDeleted => commit(Change::Delete(Kind::User, ada.0)).await,
        Fate::OrgDisabled => {
            let org = Org { enabled: false, ..records.default_org().unwrap().clone() };
            commit(Change::Put(Record::Org(org))).await;
        }
    }
    (Snapshot::new(store.load().await.unwrap()), secret.expose().clone())
}

fn key(text: &str, scheme: AuthScheme) -> PresentedKey {
    PresentedKey { secret: Secret::from(text.to_owned()), scheme }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

/// Who the caller is, in words that a table can hold.
fn said(outcome: Result<Caller, GatewayError>) -> String {
    match outcome {
        Ok(Caller::Open) => "open".to_owned(),
        Ok(Caller::User(principal)) => format!("user {}", principal.user_name()),
        Ok(Caller::OwnKey(own)) => format!("own key {}", own.key.secret.expose()),
        Err(error) => format!("{} {error}", error.class().status),
    }
}

fn asks(snapshot: &Snapshot, access: Access, text: Option<&str>) -> String {
    let key = text.map(|text| key(text, AuthScheme::Bearer));
    said(authenticate(snapshot, access, key, (HERE, &HeaderMap::new()), NOW))
}

#[test]
fn in_open_mode_no_key_and_a_placeholder_are_the_same() {
    let keyless = Snapshot::default();
    for text in [
        None,
        Some(""),
        Some("  "),
        Some("penstock"),
        Some("Dummy"),
        Some(" not-needed "),
        Some("SK-NO-KEY-REQUIRED"),
    ] {
        assert_eq!(asks(&keyless, LOOPBACK, text), "open", "{text:?}");
    }
    for text in ["sk-proj-abc", "dummy2", "abc"] {
        assert_eq!(asks(&keyless, LOOPBACK, Some(text)), format!("own key {text}"));
    }
    for access in [NOBODY, OWN_KEYS] {
        for text in [None, Some(" ")] {
            assert_eq!(asks(&keyless, access, text), format!("401 {MISSING}"), "{access:?}");
        }
    }
    assert_eq!(asks(&keyless, NOBODY, Some("dummy")), format!("401 {UNKNOWN}"));
}

#[tokio::test]
async fn a_key_that_was_ever_made_ends_open_mode_for_good() {
    for fate in [Fate::Live, Fate::Expired, Fate::Revoked, Fate::Deleted, Fate::UserDeleted] {
        let (snapshot, _) = made(fate).await;
        assert_eq!(asks(&snapshot, LOOPBACK, None), format!("401 {MISSING}"), "{fate:?}");
        for text in ["dummy", "sk-proj-abc"] {
            assert_eq!(asks(&snapshot, LOOPBACK, Some(text)), format!("401 {UNKNOWN}"), "{fate:?} {text}");
        }
        assert_eq!(asks(&snapshot, BOTH, Some("sk-proj-abc")), "own key sk-proj-abc", "{fate:?}");
    }
}

#[tokio::test]
async fn a_key_of_ours_that_does_not_work_is_refused_with_its_reason_whatever_is_switched_on() {
    for (fate, reason) in [
        (Fate::Expired, "it has expired"),
        (Fate::Revoked, "it has been revoked"),
        (Fate::Deleted, "it has been deleted"),
        (Fate::UserDisabled, "its user is disabled"),
        (Fate::UserDeleted, "it has been deleted"),
        (Fate::OrgDisabled, "its organisation is disabled"),
    ] {
        let (snapshot, secret) = made(fate).await;
        let refused = format!("401 this key does not work: {reason}");
        for access in ALL {
            assert_eq!(asks(&snapshot, access, Some(&secret)), refused, "{access:?}");
            assert_eq!(asks(&snapshot, access, Some(&format!(" {secret} "))), refused, "{access:?}");
        }
    }
}

#[tokio::test]
async fn a_key_from_elsewhere_works_by_its_digest_and_is_ours_also_when_it_is_gone() {
    let (_, ours) = made(Fate::Live).await;
    for algorithm in [DigestAlgorithm::Blake3, DigestAlgorithm::Blake3Bare, DigestAlgorithm::Sha256] {
        let secret = "sk-made-elsewhere";
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Dsn::Sqlite(dir.path().join("penstock.db"))).await.unwrap();
        let ada = NewUser { name: "ada".to_owned(), is_admin: false, permissions: Vec::new() };
        add_user(&store, &ada, NOW).await.unwrap();
        let (made, _) =
            create_key(&store, "ada", NewKey { label: None, expires_at: None }, NOW).await.unwrap();
        let before = Snapshot::new(store.load().await.unwrap());
        let imported = UserKey { digest: KeyDigest::by(algorithm, secret), ..made };
        store.commit(&ChangeSet::of(Change::Put(Record::UserKey(imported.clone())))).await.unwrap();
        let changed = before.changed(store.changes(before.version()).await.unwrap());
        for snapshot in [&changed, &Snapshot::new(store.load().await.unwrap())] {
            assert_eq!(asks(snapshot, BOTH, Some(secret)), "user ada", "{algorithm:?}");
            assert_eq!(asks(snapshot, BOTH, Some("sk-made-by-nobody")), "own key sk-made-by-nobody");
            assert_eq!(asks(snapshot, BOTH, Some(&ours)), format!("401 {UNKNOWN}"));
        }
        delete_key(&store, imported.id).await.unwrap();
        let deleted = Snapshot::new(store.load().await.unwrap());
        let refused = asks(&deleted, BOTH, Some(secret));
        assert!(refused.contains("it has been deleted"), "{algorithm:?}: {refused}");
    }
}

#[tokio::test]
async fn a_key_works_until_the_very_moment_it_expires() {
    for (fate, later) in
        [(Fate::Live, "user ada"), (Fate::Expired, "401 this key does not work: it has expired")]
    {
        let (snapshot, secret) = made(fate).await;
        let at = |now| {
            let key = key(&secret, AuthScheme::XApiKey);
            said(authenticate(&snapshot, NOBODY, Some(key), (HERE, &HeaderMap::new()), Timestamp(now)))
        };
        assert_eq!(at(NOW.0 - 1), "user ada");
        assert_eq!((at(NOW.0).as_str(), at(i64::MAX).as_str()), (later, later), "{fate:?}");
    }
}

#[tokio::test]
async fn what_looks_like_a_key_of_ours_never_becomes_an_own_key() {
    let (with_keys, secret) = made(Fate::Live).await;
    let keyless = Snapshot::default();
    let shouted = secret.to_uppercase();
    let quoted = format!("\"{secret}\"");
    for text in [
        "sk-pen-mistyped",
        "sk-pen-",
        "SK-PEN-ABC",
        "Sk-Pen-abc",
        "Bearer sk-pen-abc",
        "xsk-pen-abc",
        "sk-ant-sk-pen-abc",
        "key=sk-pen-abc",
        &shouted,
        &quoted,
    ] {
        for access in ALL {
            for (name, snapshot) in [("keyless", &keyless), ("with keys", &with_keys)] {
                assert_eq!(
                    asks(snapshot, access, Some(text)),
                    format!("401 {UNKNOWN}"),
                    "{name} {access:?} {text}"
                );
            }
        }
    }
    // one more letter, and it is no longer ours
    assert_eq!(asks(&keyless, OWN_KEYS, Some("sk-penguin")), "own key sk-penguin");
}

#[test]
fn equal_own_keys_are_one_tenant_and_the_tenant_does_not_tell_the_key() {
    let own = |text: &str, scheme, access| {
        let caller =
            authenticate(&Snapshot::default(), access, Some(key(text, scheme)), (HERE, &headers(&[])), NOW);
        let Ok(Caller::OwnKey(own)) = caller else { panic!("{caller:?}") };
        assert_eq!(own.key, key(text.trim(), scheme), "what goes on has no white space around it");
        assert!(!format!("{own:?}").contains(text.trim()), "{own:?}");
        own.tenant
    };
    let tenant = own("sk-proj-abc", AuthScheme::Bearer, LOOPBACK);
    assert_eq!(*tenant, format!("byok:{}", &KeyDigest::of("sk-proj-abc").to_string()[..16]));
    assert_eq!(own("sk-proj-abc", AuthScheme::XApiKey, OWN_KEYS), tenant);
    assert_eq!(own(" sk-proj-abc ", AuthScheme::Bearer, BOTH), tenant);
    assert_ne!(own("sk-proj-abd", AuthScheme::Bearer, LOOPBACK), tenant);
}

#[test]
fn in_open_mode_neither_web_pages_nor_foreign_names_are_served() {
    let page = "not the web page";
    let name = "only under a loopback name";
    for (pairs, refused) in [
        (vec![], None),
        (vec![("host", "localhost:8787")], None),
        (vec![("host", "LOCALHOST")], None),
        (vec![("host", "127.0.0.1")], None),
        (vec![("host", "127.9.9.9:1")], None),
        (vec![("host", "[::1]:8787")], None),
        (vec![("host", "[::1]")], None),
        (vec![("host", "sub.localhost:8787")], None),
        (vec![("host", "evil.example")], Some(name)),
        (vec![("host", "evil.example:8787")], Some(name)),
        (vec![("host", "localhost.evil.example")], Some(name)),
        (vec![("host", "127.0.0.1.evil.example")], Some(name)),
        (vec![("host", "evillocalhost")], Some(name)),
        (vec![("host", "192.168.1.5:8787")], Some(name)),
        (vec![("host", "0.0.0.0:8787")], Some(name)),
        (vec![("host", "[2001:db8::1]:8787")], Some(name)),
        (vec![("host", "")], Some(name)),
        (vec![("origin", "http://localhost:3000"), ("host", "localhost:8787")], None),
        (vec![("origin", "http://127.0.0.1")], None),
        (vec![("origin", "http://[::1]:5173")], None),
        (vec![("origin", "tauri://localhost")], None),
        (vec![("origin", "https://evil.example"), ("host", "localhost:8787")], Some(page)),
        (vec![("origin", "https://localhost.evil.example")], Some(page)),
        (vec![("origin", "https://evil.example/://localhost")], Some(page)),
        (vec![("origin", "null"), ("host", "127.0.0.1:8787")], Some(page)),
        (vec![("origin", "localhost")], Some(page)),
        (vec![("origin", "")], Some(page)),
        (vec![("origin", "http://localhost:3000"), ("host", "evil.example")], Some(name)),
    ] {
        for text in [None, Some("dummy"), Some("sk-proj-abc")] {
            let key = text.map(|text| key(text, AuthScheme::Bearer));
            let outcome = authenticate(&Snapshot::default(), LOOPBACK, key, (HERE, &headers(&pairs)), NOW);
            match refused {
                None => assert!(outcome.is_ok(), "{pairs:?}: {outcome:?}"),
                Some(why) => {
                    let outcome = said(outcome);
                    assert!(outcome.starts_with("403 ") && outcome.contains(why), "{pairs:?}: {outcome}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_key_is_enough_of_a_guard_for_web_pages() {
    let (snapshot, secret) = made(Fate::Live).await;
    let page = headers(&[("origin", "https://app.example"), ("host", "gateway.example")]);
    let asks = |access, text: Option<&str>| {
        said(authenticate(
            &snapshot,
            access,
            text.map(|text| key(text, AuthScheme::Bearer)),
            (HERE, &page),
            NOW,
        ))
    };
    assert_eq!(asks(LOOPBACK, Some(&secret)), "user ada");
    assert_eq!(asks(OWN_KEYS, Some("sk-proj-abc")), "own key sk-proj-abc");
    assert_eq!(asks(LOOPBACK, None), format!("401 {MISSING}"));
}

#[test]
fn the_admin_key_opens_no_call_and_goes_nowhere() {
    for access in [NOBODY, LOOPBACK, OWN_KEYS] {
        let access = Access { admin_key: Some(KeyDigest::of("an-admin-key")), ..access };
        let shown = Some(key(" an-admin-key ", AuthScheme::Bearer));
        let refused =
            authenticate(&Snapshot::default(), access, shown, (HERE, &headers(&[])), NOW).unwrap_err();
        assert!(refused.to_string().contains("this is the admin key"), "{refused}");
    }
}

#[test]
fn open_mode_does_not_serve_whoever_comes_through_a_proxy() {
    for name in ["forwarded", "x-forwarded-for", "x-real-ip", "via", "cf-connecting-ip"] {
        let refused =
            authenticate(&Snapshot::default(), LOOPBACK, None, (HERE, &headers(&[(name, "1.2.3.4")])), NOW)
                .unwrap_err();
        assert_eq!(refused.class().status, 403, "{name}");
        assert!(refused.to_string().contains(name), "{refused}");
    }
}

#[test]
fn open_mode_serves_whom_a_trusted_proxy_calls_a_caller_on_this_machine() {
    let claims = headers(&[("x-forwarded-for", "127.0.0.1"), ("via", "1.1 nginx")]);
    let asked = |remote| authenticate(&Snapshot::default(), LOOPBACK, None, (remote, &claims), NOW);
    let at = |text: &str| text.parse::<IpAddr>().unwrap();
    assert!(matches!(asked(Remote::Forwarded(at("127.0.0.1"))), Ok(Caller::Open)));
    assert!(matches!(asked(Remote::Forwarded(at("::1"))), Ok(Caller::Open)));
    for (remote, why) in [
        (Remote::Forwarded(at("10.1.2.3")), "this one is 10.1.2.3"),
        (Remote::Proxy(at("127.0.0.1")), "127.0.0.1 does not say for whom"),
        (HERE, "x-forwarded-for is set"),
    ] {
        let refused = asked(remote).unwrap_err();
        assert_eq!(refused.class().status, 403, "{remote:?}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}
