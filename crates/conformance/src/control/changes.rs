//! Followers: what changed since a version, and a snapshot that is brought up to date with it.

use std::sync::Arc;

use penstock_control::{Change, ChangeSet, Kind, Record, Snapshot, UserKey};

use super::every_kind::with_one_of_each;
use super::{Harness, default_org, put, user, with_ada};
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    changes_are_what_changed;
    a_deleted_record_is_among_the_changes;
    a_snapshot_that_follows_is_the_one_that_is_read;
    nothing_changes_without_a_commit;
    a_version_that_never_was_is_answered_with_everything;
}

async fn changes_are_what_changed(harness: Arc<dyn Harness>) -> Outcome {
    let (store, follower) = (harness.store(), harness.node().await?);
    let before = follower.load().await?.version;
    let key = with_ada(&*store).await?;
    let made = store.load().await?;
    let changes = follower.changes(before).await?;
    equal("the version", changes.loaded.version, made.version)?;
    let kinds = changes.touched.iter().flatten().map(|(kind, _)| *kind).collect::<Vec<_>>();
    equal("the kinds", kinds, [Kind::User, Kind::UserKey, Kind::Permission])?;
    store.commit(&put(UserKey { enabled: false, ..key.clone() })).await?;
    let changes = follower.changes(made.version).await?;
    equal("what changed", changes.touched, Some(vec![(Kind::UserKey, key.id.0)]))?;
    equal("the records", changes.loaded, store.load().await?)
}

async fn a_deleted_record_is_among_the_changes(harness: Arc<dyn Harness>) -> Outcome {
    let (store, follower) = (harness.store(), harness.node().await?);
    let key = with_ada(&*store).await?;
    let before = follower.load().await?.version;
    store.commit(&ChangeSet::of(Change::Delete(Kind::User, key.user_id.0))).await?;
    let changes = follower.changes(before).await?;
    let touched = changes.touched.unwrap_or_default();
    holds("the user is among them", touched.contains(&(Kind::User, key.user_id.0)))?;
    holds("its key is among them", touched.contains(&(Kind::UserKey, key.id.0)))?;
    holds("and gone", changes.loaded.records.users.is_empty() && changes.loaded.records.keys.is_empty())
}

async fn a_snapshot_that_follows_is_the_one_that_is_read(harness: Arc<dyn Harness>) -> Outcome {
    let (store, follower) = (harness.store(), harness.node().await?);
    let mut snapshot = Snapshot::new(follower.load().await?);
    let mut check = async |step: &str| -> Outcome {
        snapshot = snapshot.changed(follower.changes(snapshot.version()).await?);
        holds(step, snapshot == Snapshot::new(store.load().await?))
    };
    let made = with_one_of_each(&*store).await?;
    check("after everything was made").await?;
    for record in made {
        let Record::UserKey(key) = record else { continue };
        store.commit(&put(UserKey { enabled: false, ..key.clone() })).await?;
        check("after a key was revoked").await?;
        store.commit(&ChangeSet::of(Change::Delete(Kind::UserKey, key.id.0))).await?;
        check("after it was deleted").await?;
    }
    let permission = store.load().await?.records.permissions.iter().next().map(|permission| permission.id);
    let permission = permission.ok_or_else(|| Failure::new("there is no permission"))?;
    store.commit(&ChangeSet::of(Change::Delete(Kind::Permission, permission))).await?;
    check("after a permission was taken back").await
}

async fn nothing_changes_without_a_commit(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    with_ada(&*store).await?;
    let loaded = store.load().await?;
    let changes = store.changes(loaded.version).await?;
    equal("what changed", changes.touched, Some(Vec::new()))?;
    equal("the records", changes.loaded, loaded)
}

async fn a_version_that_never_was_is_answered_with_everything(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    store.commit(&ChangeSet::of(user(-1, "ada", default_org(&*store).await?))).await?;
    // as a node has it whose database was put back to an older copy
    let changes = store.changes(1 << 40).await?;
    equal("what changed", changes.touched, None)?;
    equal("the records", changes.loaded, store.load().await?)
}
