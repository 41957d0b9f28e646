//! Who may do anything.

use penstock_core::{KeyId, OrgId, Secret, TeamId, Timestamp, UserId};
use serde::Serialize;

use super::define::record;
use crate::KeyDigest;
use crate::seal::Stored;

/// The organisation of everyone who was not put into another one.
pub const DEFAULT_ORG: &str = "default";

record! {
    /// An organisation.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Org(OrgId) in "orgs", unique(name) {
        /// Its name.
        pub name: String,
        /// What it is for.
        pub description: Option<String>,
        /// Whether its users may do anything.
        pub enabled: bool,
    }
}

record! {
    /// A team of an organisation.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Team(TeamId) in "teams", unique(org_id, name) {
        /// The organisation.
        pub org_id: OrgId,
        /// Its name among those of the organisation.
        pub name: String,
        /// Whether its users may do anything.
        pub enabled: bool,
    }
}

record! {
    /// A user.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct User(UserId) in "users", unique(name), index(org_id), index(team_id) {
        /// Its name.
        pub name: String,
        /// The organisation it belongs to.
        pub org_id: OrgId,
        /// The team within the organisation, if any.
        pub team_id: Option<TeamId>,
        /// The hash of its password (Argon2id, in the PHC form), if it may log in.
        #[serde(skip)]
        pub password: Option<Secret<String>>,
        /// Whether it may use the admin API.
        pub is_admin: bool,
        /// Whether its keys work.
        pub enabled: bool,
    }
}

record! {
    /// A key of a user.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct UserKey(KeyId) in "user_keys", unique(digest), index(user_id) {
        /// Whose it is.
        pub user_id: UserId,
        /// All that is kept of the key, unless keys may be looked at again.
        pub digest: KeyDigest,
        /// The key as it is stored, where keys may be looked at again.
        pub sealed_key: Option<Stored>,
        /// What its owner calls it.
        pub label: Option<String>,
        /// Its first characters, for lists.
        pub prefix: String,
        /// `local` unless told otherwise; modules see it.
        pub tier: String,
        /// The modules that run for it, where it is not the gateway's pipeline.
        pub pipeline: Option<String>,
        /// When it stops to work by itself.
        pub expires_at: Option<Timestamp>,
        /// False once it is revoked.
        pub enabled: bool,
    }
}

record! {
    /// The digest of a deleted key: it must never be taken for somebody's provider key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeyTombstone(i64) in "key_tombstones", unique(digest) {
        /// The deleted key's digest.
        pub digest: KeyDigest,
    }
}
