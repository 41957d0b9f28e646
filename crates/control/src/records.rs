//! What the control plane remembers, as plain data.
//!
//! Ids below zero are temporary: they name a record that is made in the same [`ChangeSet`], and the
//! store puts the real id wherever one is used.

use penstock_core::{KeyId, OrgId, TeamId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::KeyDigest;

/// The organisation of everyone who was not put into another one.
pub const DEFAULT_ORG: &str = "default";

/// An organisation. Natural key: `name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Org {
    /// Row id.
    pub id: OrgId,
    /// Unique name.
    pub name: String,
    /// Whether its users may do anything.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A user. Natural key: `name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Row id.
    pub id: UserId,
    /// Unique name.
    pub name: String,
    /// The organisation it belongs to.
    pub org_id: OrgId,
    /// The team within the organisation, if any.
    pub team_id: Option<TeamId>,
    /// Whether it may use the admin API.
    pub is_admin: bool,
    /// Whether its keys work.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A key of a user. Natural key: its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKey {
    /// Row id.
    pub id: KeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// All that is kept of the key.
    pub digest: KeyDigest,
    /// What its owner calls it.
    pub label: Option<String>,
    /// Its first characters, for lists.
    pub prefix: String,
    /// `local` unless told otherwise; modules see it.
    pub tier: String,
    /// When it stops to work by itself.
    pub expires_at: Option<Timestamp>,
    /// False once it is revoked.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The digest of a deleted key: it must never be taken for somebody's provider key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTombstone {
    /// The deleted key's digest.
    pub digest: KeyDigest,
    /// When it was deleted.
    pub created_at: Timestamp,
}

/// What a permission or limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope", content = "scope_id")]
pub enum Scope {
    /// Everyone in an organisation.
    Org(OrgId),
    /// Everyone in a team.
    Team(TeamId),
    /// All keys of a user.
    User(UserId),
    /// One key.
    Key(KeyId),
}

impl Scope {
    /// The scope's name and id, as they are stored.
    pub fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Org(id) => ("org", id.0),
            Self::Team(id) => ("team", id.0),
            Self::User(id) => ("user", id.0),
            Self::Key(id) => ("key", id.0),
        }
    }

    /// The scope with this stored name and id.
    pub fn from_parts(name: &str, id: i64) -> Option<Self> {
        match name {
            "org" => Some(Self::Org(OrgId(id))),
            "team" => Some(Self::Team(TeamId(id))),
            "user" => Some(Self::User(UserId(id))),
            "key" => Some(Self::Key(KeyId(id))),
            _ => None,
        }
    }
}

/// Models that a scope may use. Natural key: scope and pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// Row id.
    pub id: i64,
    /// Whom it is given to.
    #[serde(flatten)]
    pub scope: Scope,
    /// A glob over route names and `provider/model`; `*` stands for anything.
    pub route_pattern: String,
}

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`Org`]
    Org,
    /// [`User`]
    User,
    /// [`UserKey`]
    UserKey,
    /// [`Permission`]
    Permission,
}

impl Kind {
    /// The word for people.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Org => "organisation",
            Self::User => "user",
            Self::UserKey => "key",
            Self::Permission => "permission",
        }
    }
}

/// One record of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An organisation.
    Org(Org),
    /// A user.
    User(User),
    /// A key.
    UserKey(UserKey),
    /// A permission.
    Permission(Permission),
}

impl Record {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Org(_) => Kind::Org,
            Self::User(_) => Kind::User,
            Self::UserKey(_) => Kind::UserKey,
            Self::Permission(_) => Kind::Permission,
        }
    }
}

/// One change of a [`ChangeSet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes the record (temporary id) or replaces it (real id).
    Put(Record),
    /// Removes the record and what hangs on it; removing a key leaves its tombstone.
    Delete(Kind, i64),
}

/// Changes that happen together or not at all, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The changes.
    pub changes: Vec<Change>,
    /// The version whose records the changes were made from: if the store has moved on, nothing is
    /// changed. `None` for changes that do not depend on what was read.
    pub based_on: Option<u64>,
}

impl ChangeSet {
    /// A set of one change.
    pub fn of(change: Change) -> Self {
        Self { changes: vec![change], based_on: None }
    }

    /// Says which version the changes were made from.
    #[must_use]
    pub fn based_on(self, version: u64) -> Self {
        Self { based_on: Some(version), ..self }
    }

    /// Adds a change.
    #[must_use]
    pub fn and(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

/// Every record that requests depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// All organisations.
    pub orgs: Vec<Org>,
    /// All users.
    pub users: Vec<User>,
    /// All keys.
    pub keys: Vec<UserKey>,
    /// Digests of all deleted keys.
    pub tombstones: Vec<KeyTombstone>,
    /// All permissions.
    pub permissions: Vec<Permission>,
}

impl Records {
    /// The user with this id or name.
    pub fn user(&self, id_or_name: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.name == id_or_name)
            .or_else(|| self.users.iter().find(|user| user.id.to_string() == id_or_name))
    }

    /// The organisation everyone starts in.
    pub fn default_org(&self) -> Option<&Org> {
        self.orgs.iter().find(|org| org.name == DEFAULT_ORG)
    }
}
