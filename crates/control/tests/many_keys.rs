//! A bundle of a size that a whole company has: what it costs must grow with its length, and not with the square.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

use penstock_control::accounts::Actor;
use penstock_control::bundle::{Bundle, Format, PlanOptions, References, apply};
use penstock_control::{ControlStore as _, Dsn, KeyDigest, Store};
use penstock_core::Timestamp;
use serde_json::json;

const USERS: usize = 4_000;
const KEYS_OF_EACH: usize = 5;
const OPTIONS: PlanOptions = PlanOptions { prune: false, references: References::Refused };

fn bundle() -> Bundle {
    let key = |user: usize, number: usize| {
        let digest = KeyDigest::of(&format!("sk-{user}-{number}")).to_string();
        json!({"label": format!("key {number}"), "digest": digest})
    };
    let user = |user: usize| {
        let keys: Vec<_> = (0..KEYS_OF_EACH).map(|number| key(user, number)).collect();
        json!({"name": format!("user-{user}"), "keys": keys})
    };
    let users: Vec<_> = (0..USERS).map(user).collect();
    Bundle::read(&json!({"penstock": 1, "users": users}).to_string(), Format::Json).unwrap()
}

#[tokio::test]
async fn twenty_thousand_keys_are_one_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&Dsn::Sqlite(dir.path().join("penstock.db"))).await.unwrap();
    let (bundle, actor) = (bundle(), Actor::named("test"));
    let applied = apply(&store, &bundle, OPTIONS, &actor, Timestamp(1)).await.unwrap();
    assert_eq!(applied.changes.len(), USERS * (1 + KEYS_OF_EACH));
    let records = store.load().await.unwrap().records;
    assert_eq!((records.users.len(), records.keys.len()), (USERS, USERS * KEYS_OF_EACH));
    // each key is its own user's
    for key in records.keys.iter().step_by(997) {
        let user = &records.users.get(key.user_id).unwrap().name;
        let number = key.label.as_deref().unwrap().trim_start_matches("key ");
        let text = format!("sk-{}-{number}", user.trim_start_matches("user-"));
        assert_eq!(key.digest, KeyDigest::of(&text), "{text}");
    }
    let again = apply(&store, &bundle, OPTIONS, &actor, Timestamp(2)).await.unwrap();
    assert_eq!(again.changes.len(), 0);
    store.close().await.unwrap();
}
