//! The immutable, in-memory copy of the records that requests read.
//!
//! It shares all that did not change with the one before it, so that a change costs what it changes, however
//! many keys there are. Who a key belongs to is put together when it is shown, from a few look-ups.

pub mod saved;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use immutable_chunkmap::map::MapM;
use penstock_core::{KeyId, OrgId, TeamId, Timestamp, UserId};
use wildmatch::WildMatch;

use crate::accounts::ADMIN_TIER;
use crate::{Changes, ControlStore, DigestAlgorithm, KeyDigest, Kind, Loaded, Records, Scope, User, UserKey};

/// Who makes a request, as far as the records know.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The key that was shown.
    pub key_id: KeyId,
    /// Its owner.
    pub user_id: UserId,
    /// The owner's organisation.
    pub org_id: OrgId,
    /// The owner's team.
    pub team_id: Option<TeamId>,
    /// Whether the owner may use the admin API.
    pub is_admin: bool,
    key: Arc<UserKey>,
    user: Arc<User>,
    /// Those of the key, its user, team and organisation.
    permissions: [Option<Patterns>; 4],
}

/// The globs of a scope's permissions.
type Patterns = Arc<[WildMatch]>;

impl Principal {
    /// The owner's name.
    pub fn user_name(&self) -> &str {
        &self.user.name
    }

    /// The key's tier.
    pub fn tier(&self) -> &str {
        &self.key.tier
    }

    /// The modules that run for the key, where it is not the gateway's pipeline.
    pub fn pipeline(&self) -> Option<&str> {
        self.key.pipeline.as_deref()
    }

    /// Whether any permission of the key, its user, team or organisation covers `name`, which is a
    /// route name or `provider/model`.
    pub fn may_use(&self, name: &str) -> bool {
        self.permissions.iter().flatten().any(|patterns| patterns.iter().any(|pattern| pattern.matches(name)))
    }
}

/// What is known of a presented key.
#[derive(Clone, Debug)]
pub enum KeyLookup {
    /// It works.
    Valid(Arc<Principal>),
    /// It is one of ours but does not work any more, for this reason.
    Refused(&'static str),
    /// It was never one of ours.
    Unknown,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    version: u64,
    keys: MapM<KeyDigest, Arc<UserKey>>,
    deleted: MapM<KeyDigest, ()>,
    permissions: MapM<Scope, Patterns>,
    /// Whether keys from elsewhere are among them, which are known by other digests than ours.
    imported: bool,
    records: Records,
}

impl Snapshot {
    /// Builds the copy from one consistent read.
    pub fn new(loaded: Loaded) -> Self {
        let Loaded { records, version } = loaded;
        let keys = records.keys.shared().map(|key| (key.digest, Arc::clone(key)));
        let deleted = records.tombstones.iter().map(|tombstone| (tombstone.digest, ()));
        let (keys, deleted) = (keys.collect(), deleted.collect());
        let mut snapshot =
            Self { version, keys, deleted, permissions: MapM::new(), imported: false, records };
        snapshot.imported = snapshot.keys.into_iter().any(|(digest, _)| is_imported(digest))
            || snapshot.deleted.into_iter().any(|(digest, ())| is_imported(digest));
        let scopes: BTreeSet<_> =
            snapshot.records.permissions.iter().map(|permission| permission.scope).collect();
        for scope in scopes {
            snapshot.index_permissions(scope);
        }
        snapshot
    }

    /// The next copy: what changed is looked at, and nothing else.
    #[must_use]
    pub fn changed(&self, changes: Changes) -> Self {
        let Some(touched) = changes.touched else { return Self::new(changes.loaded) };
        let Loaded { records, version } = changes.loaded;
        let mut next = Self { version, records, ..self.clone() };
        let mut scopes = BTreeSet::new();
        for (kind, id) in touched {
            match kind {
                Kind::UserKey => next.index_key(&self.records, id),
                Kind::KeyTombstone => {
                    if let Some(tombstone) = next.records.tombstones.get(id) {
                        next.deleted.insert_cow(tombstone.digest, ());
                    }
                }
                Kind::Permission => {
                    let versions = [&self.records, &next.records];
                    let found = versions.iter().filter_map(|records| records.permissions.get(id));
                    scopes.extend(found.map(|permission| permission.scope));
                }
                _ => {}
            }
        }
        for scope in scopes {
            next.index_permissions(scope);
        }
        next
    }

    fn index_key(&mut self, before: &Records, id: i64) {
        if let Some(old) = before.keys.get(id) {
            self.keys.remove_cow(&old.digest);
        }
        if let Some(key) = self.records.keys.get(id) {
            // once there was one, its digest stays known
            self.imported |= is_imported(&key.digest);
            self.keys.insert_cow(key.digest, Arc::clone(key));
        }
    }

    fn index_permissions(&mut self, scope: Scope) {
        let patterns: Patterns =
            self.records.patterns_of(scope).iter().map(|pattern| WildMatch::new(pattern)).collect();
        if patterns.is_empty() {
            self.permissions.remove_cow(&scope);
        } else {
            self.permissions.insert_cow(scope, patterns);
        }
    }

    /// The store's version it was made from.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What it was made from.
    pub fn loaded(&self) -> Loaded {
        Loaded { records: self.records.clone(), version: self.version }
    }

    /// The records themselves, for lists.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Whether nobody ever made a key here to call models with: the precondition of open mode. The first
    /// start's key, which opens the admin API alone, does not end it; revoking or deleting the last key
    /// does not bring it back.
    pub fn is_keyless(&self) -> bool {
        // the first key of another tier ends the search
        self.records.tombstones.is_empty() && self.records.keys.iter().all(|key| key.tier == ADMIN_TIER)
    }

    /// Looks up a key that somebody presents, by every digest under which it may be known.
    pub fn presented(&self, key: &str, now: Timestamp) -> KeyLookup {
        match self.key(&KeyDigest::of(key), now) {
            KeyLookup::Unknown if self.imported => {
                let others = KeyDigest::candidates(key).into_iter().skip(1);
                let mut found = others.map(|digest| self.key(&digest, now));
                found.find(|found| !matches!(found, KeyLookup::Unknown)).unwrap_or(KeyLookup::Unknown)
            }
            found => found,
        }
    }

    /// Looks a key up by its digest.
    pub fn key(&self, digest: &KeyDigest, now: Timestamp) -> KeyLookup {
        match self.keys.get(digest) {
            Some(key) => match self.principal(key, now) {
                Ok(principal) => KeyLookup::Valid(Arc::new(principal)),
                Err(reason) => KeyLookup::Refused(reason),
            },
            None if self.deleted.get(digest).is_some() => KeyLookup::Refused("it has been deleted"),
            None => KeyLookup::Unknown,
        }
    }

    fn principal(&self, key: &Arc<UserKey>, now: Timestamp) -> Result<Principal, &'static str> {
        if !key.enabled {
            return Err("it has been revoked");
        }
        if key.expires_at.is_some_and(|at| at <= now) {
            return Err("it has expired");
        }
        let user = self.records.users.get(key.user_id).filter(|user| user.enabled);
        let user = user.ok_or("its user is disabled")?;
        let org = self.records.orgs.get(user.org_id).filter(|org| org.enabled);
        let org = org.ok_or("its organisation is disabled")?;
        if let Some(team) = user.team_id {
            self.records.teams.get(team).filter(|team| team.enabled).ok_or("its team is disabled")?;
        }
        let of = |scope| self.permissions.get(&scope).cloned();
        Ok(Principal {
            key_id: key.id,
            user_id: user.id,
            org_id: org.id,
            team_id: user.team_id,
            is_admin: user.is_admin,
            key: Arc::clone(key),
            user: Arc::clone(user),
            permissions: [
                of(Scope::Key(key.id)),
                of(Scope::User(user.id)),
                user.team_id.and_then(|team| of(Scope::Team(team))),
                of(Scope::Org(org.id)),
            ],
        })
    }
}

fn is_imported(digest: &KeyDigest) -> bool {
    digest.algorithm() != DigestAlgorithm::Blake3
}

/// The snapshot that is published at the moment.
#[derive(Default)]
pub struct LiveSnapshot {
    current: ArcSwap<Snapshot>,
    observer: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for LiveSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveSnapshot").field("current", &self.current).finish_non_exhaustive()
    }
}

impl LiveSnapshot {
    /// Publishes a first snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        Self { current: ArcSwap::from_pointee(snapshot), observer: OnceLock::new() }
    }

    /// Calls `observer` after each change, whoever asked for it and before that is told; it looks at
    /// [`Self::current`] itself, since two changes may come in any order. There is one observer: the first.
    pub fn observe(&self, observer: impl Fn() + Send + Sync + 'static) {
        let _ = self.observer.set(Box::new(observer));
    }

    /// The current snapshot; hold it for one request.
    pub fn current(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// Asks the store what changed, and publishes it. True if anything did.
    pub async fn refresh(&self, store: &dyn ControlStore) -> Result<bool, crate::ControlError> {
        let published = self.current.load_full();
        let changes = store.changes(published.version).await?;
        if changes.loaded.version == published.version {
            return Ok(false);
        }
        let next = Arc::new(published.changed(changes));
        // of two that read at the same time, the slower must not bring the older records back; but what was published
        // all the time gives way to any version, as after a backup was restored
        self.current.rcu(|current| {
            let newer = current.version > next.version && !Arc::ptr_eq(current, &published);
            Arc::clone(if newer { current } else { &next })
        });
        if let Some(observer) = self.observer.get() {
            observer();
        }
        Ok(true)
    }
}

/// Publishes every change of the store within `interval`, for ever, and calls `published` after each. While the
/// store is away the last snapshot stays, and the log says so once.
pub async fn follow(
    live: Arc<LiveSnapshot>,
    store: Arc<dyn ControlStore>,
    interval: Duration,
    mut published: impl FnMut() + Send,
) {
    let mut away = false;
    loop {
        store.changed(interval).await;
        let outcome = live.refresh(store.as_ref()).await;
        match &outcome {
            Ok(_) if away => tracing::info!("the control store answers again"),
            Err(error) if !away => tracing::error!(%error, "serving from the last snapshot"),
            _ => {}
        }
        away = outcome.is_err();
        if outcome.is_ok_and(|changed| changed) {
            published();
        }
    }
}
