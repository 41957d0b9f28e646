//! The immutable, in-memory copy of the records that requests read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use penstock_core::{KeyId, OrgId, TeamId, Timestamp, UserId};
use wildmatch::WildMatch;

use crate::{ControlStore, KeyDigest, Loaded, Records, Scope, UserKey};

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
    /// The owner's name, for logs.
    pub user_name: String,
    expires_at: Option<Timestamp>,
    permissions: Vec<WildMatch>,
}

impl Principal {
    /// Whether any permission of the key, its user, team or organisation covers `name`, which is a
    /// route name or `provider/model`.
    pub fn may_use(&self, name: &str) -> bool {
        self.permissions.iter().any(|pattern| pattern.matches(name))
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
#[derive(Debug, Default)]
pub struct Snapshot {
    version: u64,
    keys: HashMap<KeyDigest, Result<Arc<Principal>, &'static str>>,
    deleted: HashSet<KeyDigest>,
    records: Records,
}

impl Snapshot {
    /// Builds the copy from one consistent read.
    pub fn new(loaded: Loaded) -> Self {
        let Loaded { records, version } = loaded;
        let deleted = records.tombstones.iter().map(|tombstone| tombstone.digest).collect();
        let keys = Index::of(&records).keys();
        Self { version, keys, deleted, records }
    }

    /// The store's version it was made from.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The records themselves, for lists.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Whether nobody ever made a key here: the precondition of open mode. Revoking or deleting the
    /// last key does not bring it back.
    pub fn is_keyless(&self) -> bool {
        self.keys.is_empty() && self.deleted.is_empty()
    }

    /// Looks a key up by its digest.
    pub fn key(&self, digest: &KeyDigest, now: Timestamp) -> KeyLookup {
        match self.keys.get(digest) {
            Some(Ok(principal)) if principal.expires_at.is_some_and(|at| at <= now) => {
                KeyLookup::Refused("it has expired")
            }
            Some(Ok(principal)) => KeyLookup::Valid(Arc::clone(principal)),
            Some(Err(reason)) => KeyLookup::Refused(reason),
            None if self.deleted.contains(digest) => KeyLookup::Refused("it has been deleted"),
            None => KeyLookup::Unknown,
        }
    }
}

/// The records by what refers to them, while a snapshot is built.
struct Index<'a> {
    records: &'a Records,
    users: HashMap<UserId, &'a crate::User>,
    orgs: HashMap<OrgId, &'a crate::Org>,
    permissions: HashMap<Scope, Vec<&'a str>>,
}

impl<'a> Index<'a> {
    fn of(records: &'a Records) -> Self {
        let mut permissions = HashMap::<Scope, Vec<&str>>::new();
        for permission in &records.permissions {
            permissions.entry(permission.scope).or_default().push(&permission.route_pattern);
        }
        Self {
            records,
            users: records.users.iter().map(|user| (user.id, user)).collect(),
            orgs: records.orgs.iter().map(|org| (org.id, org)).collect(),
            permissions,
        }
    }

    fn keys(&self) -> HashMap<KeyDigest, Result<Arc<Principal>, &'static str>> {
        self.records.keys.iter().map(|key| (key.digest, self.principal(key).map(Arc::new))).collect()
    }

    fn principal(&self, key: &UserKey) -> Result<Principal, &'static str> {
        if !key.enabled {
            return Err("it has been revoked");
        }
        let user = self.users.get(&key.user_id).filter(|user| user.enabled).ok_or("its user is disabled")?;
        let org = self.orgs.get(&user.org_id).filter(|org| org.enabled);
        let org = org.ok_or("its organisation is disabled")?;
        let scopes = [
            Some(Scope::Key(key.id)),
            Some(Scope::User(user.id)),
            user.team_id.map(Scope::Team),
            Some(Scope::Org(org.id)),
        ];
        let patterns =
            scopes.into_iter().flatten().filter_map(|scope| self.permissions.get(&scope)).flatten();
        Ok(Principal {
            key_id: key.id,
            user_id: user.id,
            org_id: org.id,
            team_id: user.team_id,
            is_admin: user.is_admin,
            user_name: user.name.clone(),
            expires_at: key.expires_at,
            permissions: patterns.map(|pattern| WildMatch::new(pattern)).collect(),
        })
    }
}

/// The snapshot that is published at the moment.
#[derive(Debug, Default)]
pub struct LiveSnapshot(ArcSwap<Snapshot>);

impl LiveSnapshot {
    /// Publishes a first snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The current snapshot; hold it for one request.
    pub fn current(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// Reads the store again and publishes what it holds.
    pub async fn refresh(&self, store: &dyn ControlStore) -> Result<(), crate::ControlError> {
        let snapshot = Arc::new(Snapshot::new(store.load().await?));
        // of two that read at the same time, the slower must not bring the older records back
        self.0.rcu(|published| {
            Arc::clone(if published.version > snapshot.version { published } else { &snapshot })
        });
        Ok(())
    }
}

/// Publishes every change of the store within `interval`, for ever. While the store is away the last
/// snapshot stays, and the log says so once.
pub async fn follow(live: Arc<LiveSnapshot>, store: Arc<dyn ControlStore>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        ticks.tick().await;
        let published = live.current().version();
        let outcome = match store.version().await {
            Ok(version) if version == published => Ok(()),
            Ok(_) => live.refresh(store.as_ref()).await,
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(()) if away => tracing::info!("the control store answers again"),
            Err(error) if !away => tracing::error!(%error, "serving from the last snapshot"),
            _ => {}
        }
        away = outcome.is_err();
    }
}
