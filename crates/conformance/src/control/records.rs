//! Records: what is committed is there whole, refers to what is there, and is seen by every node.

use std::sync::Arc;

use futures_util::future::try_join_all;
use penstock_control::{
    Change, ChangeSet, ControlError, ControlStore, KeyDigest, KeyLookup, Kind, Record, Snapshot, UserKey,
};
use penstock_core::{OrgId, Timestamp, UserId};

use super::{ADA, Harness, default_org, key, put, user, with_ada};
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    a_new_store_has_the_default_organisation;
    what_is_made_together_refers_to_each_other;
    a_refused_commit_changes_nothing;
    changes_made_from_old_records_are_refused;
    names_differ_by_every_byte;
    texts_of_any_unicode_are_kept;
    keys_that_stopped_working_stay_known;
    what_hangs_on_a_record_goes_with_it;
    what_one_node_commits_the_others_load;
    commits_of_several_nodes_are_all_kept;
    nodes_that_start_together_make_one_schema;
}

async fn lookup(store: &dyn ControlStore, text: &str, now: i64) -> Result<KeyLookup, Failure> {
    Ok(Snapshot::new(store.load().await?).key(&KeyDigest::of(text), Timestamp(now)))
}

async fn a_new_store_has_the_default_organisation(harness: Arc<dyn Harness>) -> Outcome {
    let loaded = harness.store().load().await?;
    let names: Vec<&str> = loaded.records.orgs.iter().map(|org| org.name.as_str()).collect();
    equal("the organisations", names, ["default"])?;
    holds("nobody is there", loaded.records.users.is_empty() && Snapshot::new(loaded).is_keyless())?;
    harness.store().health().await.map_err(Into::into)
}

async fn what_is_made_together_refers_to_each_other(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let before = store.version().await?;
    let ada = with_ada(&*store).await?;
    equal("the version", store.version().await?, before + 1)?;
    let KeyLookup::Valid(principal) = lookup(&*store, ADA, 5).await? else {
        return Err(Failure::new("the key does not work"));
    };
    equal("its user", principal.user_id, ada.user_id)?;
    holds("the permission covers it", principal.may_use("openai/gpt-4o"))?;
    holds("and nothing else", !principal.may_use("anthropic/claude"))
}

async fn a_refused_commit_changes_nothing(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let ada = with_ada(&*store).await?.user_id.0;
    let before = store.load().await?;
    let org = default_org(&*store).await?;
    let bob = || ChangeSet::of(user(-1, "bob", org));
    let cases = [
        (bob().and(user(-2, "ada", org)), "user \"ada\" exists already"),
        (bob().and(Change::Put(Record::UserKey(key(-2, 99, "x")))), "the key refers to an unknown user"),
        (bob().and(Change::Delete(Kind::User, 99)), "no user with id 99"),
        (bob().and(user(99, "eve", org)), "no user with id 99"),
        (bob().and(Change::Put(Record::UserKey(key(-2, ada, ADA)))), "key \"sk-pen-ada\" exists already"),
        (bob().and(user(-2, "eve", OrgId(99))), "the user refers to an unknown organisation"),
    ];
    for (changes, message) in cases {
        let Err(error) = store.commit(&changes).await else {
            return Err(Failure::new(format!("expected a refusal: {message}")));
        };
        equal("the refusal", error.to_string().as_str(), message)?;
    }
    equal("the records", store.load().await?, before)
}

async fn changes_made_from_old_records_are_refused(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    let version = store.version().await?;
    let revoked = UserKey { enabled: false, ..key.clone() };
    store.commit(&put(revoked.clone()).based_on(version)).await?;
    let renamed = UserKey { label: Some("laptop".to_owned()), ..key };
    let refused = store.commit(&put(renamed).based_on(version)).await;
    holds("the second is stale", matches!(refused, Err(ControlError::Stale)))?;
    let keys = store.load().await?.records.keys;
    equal("the keys", keys.iter().collect::<Vec<_>>(), [&revoked])
}

async fn names_differ_by_every_byte(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let org = default_org(&*store).await?;
    for name in ["ada", "Ada", "ada ", "àda", "a\u{300}da"] {
        store.commit(&ChangeSet::of(user(-1, name, org))).await?;
    }
    equal("the users", store.load().await?.records.users.len(), 5)
}

async fn texts_of_any_unicode_are_kept(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    for label in ["", " ", "it's \"so\" \\ %_", "\u{1f41f}\u{10ffff}", "a\nb\tc"] {
        store.commit(&put(UserKey { label: Some(label.to_owned()), ..key.clone() })).await?;
        let keys = store.load().await?.records.keys;
        let kept = keys.iter().next().and_then(|key| key.label.as_deref());
        equal("the label", kept, Some(label))?;
    }
    Ok(())
}

async fn keys_that_stopped_working_stay_known(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    let refused = |lookup: KeyLookup, expected: &str| match lookup {
        KeyLookup::Refused(reason) => equal("the reason", reason, expected),
        other => Err(Failure::new(format!("expected {expected:?}, found {other:?}"))),
    };
    store.commit(&put(UserKey { expires_at: Some(Timestamp(10)), ..key.clone() })).await?;
    holds("it works before", matches!(lookup(&*store, ADA, 9).await?, KeyLookup::Valid(_)))?;
    refused(lookup(&*store, ADA, 10).await?, "it has expired")?;
    store.commit(&put(UserKey { enabled: false, ..key.clone() })).await?;
    refused(lookup(&*store, ADA, 1).await?, "it has been revoked")?;
    store.commit(&ChangeSet::of(Change::Delete(Kind::UserKey, key.id.0))).await?;
    refused(lookup(&*store, ADA, 1).await?, "it has been deleted")?;
    let loaded = store.load().await?;
    holds("a deleted key does not bring open mode back", !Snapshot::new(loaded).is_keyless())
}

async fn what_hangs_on_a_record_goes_with_it(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    store.commit(&ChangeSet::of(Change::Delete(Kind::User, key.user_id.0))).await?;
    let records = store.load().await?.records;
    holds("its keys are gone", records.keys.is_empty() && records.users.is_empty())?;
    holds("its permissions are gone", records.permissions.is_empty())?;
    equal("what is left of its key", records.tombstones.len(), 1)
}

async fn what_one_node_commits_the_others_load(harness: Arc<dyn Harness>) -> Outcome {
    let (store, other) = (harness.store(), harness.node().await?);
    with_ada(&*store).await?;
    equal("the other's version", other.version().await?, store.version().await?)?;
    equal("the other's records", other.load().await?, store.load().await?)
}

async fn commits_of_several_nodes_are_all_kept(harness: Arc<dyn Harness>) -> Outcome {
    const COMMITS: u32 = 40;
    let nodes = [harness.store(), harness.node().await?];
    let org = default_org(&*nodes[0]).await?;
    let before = nodes[0].version().await?;
    let commits = (0..COMMITS).map(|number| {
        let node = Arc::clone(&nodes[number as usize % nodes.len()]);
        async move { node.commit(&ChangeSet::of(user(-1, &format!("user-{number}"), org))).await }
    });
    let mut ids: Vec<UserId> =
        try_join_all(commits).await?.iter().filter_map(|made| made.id(-1)).map(UserId).collect();
    ids.sort();
    ids.dedup();
    equal("the ids", ids.len(), COMMITS as usize)?;
    equal("the version", nodes[1].version().await?, before + u64::from(COMMITS))?;
    equal("the users", nodes[1].load().await?.records.users.len(), COMMITS as usize)
}

async fn nodes_that_start_together_make_one_schema(harness: Arc<dyn Harness>) -> Outcome {
    let nodes = harness.start_together(6).await?;
    with_ada(&*nodes[0]).await?;
    for node in &nodes {
        let records = node.load().await?.records;
        equal("the organisations", records.orgs.len(), 1)?;
        equal("the users", records.users.len(), 1)?;
    }
    Ok(())
}
