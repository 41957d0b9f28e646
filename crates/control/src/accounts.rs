//! What operators do to users and keys on the command line, and what the admin API shares with it.

use penstock_core::{KeyId, OrgId, Secret, Timestamp, UserId};
use serde_json::{Value, json};

use crate::{
    AuditEntry, Change, ChangeSet, ControlError, ControlStore, KeyDigest, Kind, Permission, Record, Records,
    Scope, User, UserKey, generate_key,
};

/// The tier of a key that opens the admin API and nothing else, as the first one does. It does not end open
/// mode, since nobody calls models with it.
pub const ADMIN_TIER: &str = "admin";

/// The tier of every other key.
pub const LOCAL_TIER: &str = "local";

/// Who makes changes on the command line, as the audit trail names it.
pub const COMMAND_LINE: &str = "command line";

/// Who makes a change, as the audit trail names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The user, if it is one.
    pub id: Option<UserId>,
    /// The name, for people: a user's, or `admin key`, `command line`, `start`.
    pub name: String,
    /// Where the change was asked for.
    pub source_ip: Option<String>,
}

impl Actor {
    /// Someone who is no user, on this machine.
    pub fn named(name: &str) -> Self {
        Self { id: None, name: name.to_owned(), source_ip: None }
    }

    /// What the audit trail says of something this one does. Secrets are for the caller to leave out.
    pub fn did(
        &self,
        action: &str,
        target: String,
        before: Option<Value>,
        after: Option<Value>,
    ) -> AuditEntry {
        let Self { id, name, source_ip } = self.clone();
        let action = action.to_owned();
        AuditEntry { actor_id: id, actor_name: name, action, target, before, after, source_ip }
    }
}

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Unique name.
    pub name: String,
    /// Whether it may use the admin API.
    pub is_admin: bool,
    /// Globs of what it may use; none means nothing.
    pub permissions: Vec<String>,
}

/// A key to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewKey {
    /// What its owner calls it.
    pub label: Option<String>,
    /// When it stops to work.
    pub expires_at: Option<Timestamp>,
}

/// Why an account cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A value is not usable.
    #[error("{field}: expected {expected}, found {found:?}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// There is no such thing.
    #[error("no {what} {name:?}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// The name or id it was looked for under.
        name: String,
    },
    /// More than one key is meant.
    #[error("{found} keys start with {prefix:?}: name one by its id")]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// How many keys that is.
        found: usize,
    },
    /// The operating system gives no random numbers.
    #[error("no random numbers for a key: {0}")]
    NoRandom(String),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] ControlError),
}

/// Makes a user with its permissions, and returns its id.
pub async fn add_user(
    store: &dyn ControlStore,
    new: &NewUser,
    now: Timestamp,
) -> Result<UserId, AccountError> {
    check_name(&new.name)?;
    let org_id = store.load().await?.records.default_org().map_or(OrgId(0), |org| org.id);
    let user = User {
        id: UserId(-1),
        name: new.name.clone(),
        org_id,
        team_id: None,
        password: None,
        is_admin: new.is_admin,
        enabled: true,
        created_at: now,
        updated_at: now,
    };
    let after = json!({"name": new.name, "is_admin": new.is_admin, "permissions": new.permissions});
    let entry =
        Actor::named(COMMAND_LINE).did("user.create", format!("user {}", new.name), None, Some(after));
    let mut changes = ChangeSet::of(Change::Put(Record::User(user))).audited(entry);
    changes.changes.extend(grants(UserId(-1), &new.permissions, now)?);
    let made = store.commit(&changes).await?;
    Ok(UserId(made.id(-1).unwrap_or_default()))
}

/// The changes that give `user` these permissions.
pub fn grants(user: UserId, patterns: &[String], now: Timestamp) -> Result<Vec<Change>, AccountError> {
    let mut patterns: Vec<_> = patterns.iter().map(|pattern| pattern.trim().to_owned()).collect();
    patterns.sort_unstable();
    patterns.dedup();
    let grant = |(number, route_pattern): (i64, String)| {
        if route_pattern.is_empty() {
            let expected = "a glob such as \"openai/*\"";
            return Err(AccountError::Invalid { field: "permissions", expected, found: route_pattern });
        }
        Ok(Change::Put(Record::Permission(Permission {
            id: -100 - number,
            scope: Scope::User(user),
            route_pattern,
            created_at: now,
            updated_at: now,
        })))
    };
    (0..).zip(patterns).map(grant).collect()
}

/// A new key of a user, under a temporary id, and the key itself, which is kept nowhere.
pub fn new_key(
    user_id: UserId,
    new: NewKey,
    now: Timestamp,
) -> Result<(UserKey, Secret<String>), AccountError> {
    let (secret, prefix) = generate_key().map_err(|error| AccountError::NoRandom(error.to_string()))?;
    let key = UserKey {
        id: KeyId(-1),
        user_id,
        digest: KeyDigest::of(secret.expose()),
        sealed_key: None,
        label: new.label.filter(|label| !label.trim().is_empty()),
        prefix,
        tier: LOCAL_TIER.to_owned(),
        pipeline: None,
        expires_at: new.expires_at,
        enabled: true,
        created_at: now,
        updated_at: now,
    };
    Ok((key, secret))
}

/// Makes a key for a user, named by id or name. The key itself is returned once and kept nowhere.
pub async fn create_key(
    store: &dyn ControlStore,
    user: &str,
    new: NewKey,
    now: Timestamp,
) -> Result<(UserKey, Secret<String>), AccountError> {
    let records = store.load().await?.records;
    let user = require_user(&records, user)?;
    let (key, secret) = new_key(user.id, new, now)?;
    let entry = Actor::named(COMMAND_LINE).did("key.create", key_target(&key, user), None, Some(shown(&key)));
    let changes = ChangeSet::of(Change::Put(Record::UserKey(key.clone()))).audited(entry);
    let made = store.commit(&changes).await?;
    Ok((UserKey { id: KeyId(made.id(-1).unwrap_or_default()), ..key }, secret))
}

/// Makes a key stop working; it stays in lists, and known. A change that comes in between does not
/// undo it.
pub async fn revoke_key(
    store: &dyn ControlStore,
    key: &str,
    now: Timestamp,
) -> Result<UserKey, AccountError> {
    loop {
        let loaded = store.load().await?;
        let found = require_key(&loaded.records, key)?;
        let revoked = UserKey { enabled: false, updated_at: now, ..found.clone() };
        let target = match loaded.records.users.get(found.user_id) {
            Some(user) => key_target(found, user),
            None => format!("key {}", found.prefix),
        };
        let entry =
            Actor::named(COMMAND_LINE).did("key.update", target, Some(shown(found)), Some(shown(&revoked)));
        let changes = ChangeSet::of(Change::Put(Record::UserKey(revoked.clone())));
        match store.commit(&changes.based_on(loaded.version).audited(entry)).await {
            Ok(_) => return Ok(revoked),
            Err(ControlError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Deletes a key; its digest stays known, so that it is never taken for somebody's provider key.
pub async fn delete_key(store: &dyn ControlStore, key: KeyId) -> Result<(), AccountError> {
    let found = store.load().await?.records.keys.get(key).cloned();
    let target = found.as_ref().map_or_else(|| format!("key {key}"), |key| format!("key {}", key.prefix));
    let entry = Actor::named(COMMAND_LINE).did("key.delete", target, found.as_deref().map(shown), None);
    store.commit(&ChangeSet::of(Change::Delete(Kind::UserKey, key.0)).audited(entry)).await?;
    Ok(())
}

fn key_target(key: &UserKey, user: &User) -> String {
    format!("key {} of user {}", key.prefix, user.name)
}

/// A key as the audit trail has it.
fn shown(key: &UserKey) -> Value {
    json!({
        "prefix": key.prefix, "label": key.label, "tier": key.tier, "expires_at": key.expires_at,
        "enabled": key.enabled,
    })
}

/// The user with this name or id.
pub fn require_user<'a>(records: &'a Records, user: &str) -> Result<&'a User, AccountError> {
    records.user(user).ok_or_else(|| AccountError::Unknown { what: "user", name: user.to_owned() })
}

/// The key with this id, this prefix, or this very text.
pub fn require_key<'a>(records: &'a Records, key: &str) -> Result<&'a UserKey, AccountError> {
    let key = key.trim();
    let digest = KeyDigest::of(key);
    if let Some(found) =
        records.keys.iter().find(|found| found.digest == digest || found.id.to_string() == key)
    {
        return Ok(found);
    }
    let prefixed: Vec<_> =
        records.keys.iter().filter(|found| !key.is_empty() && found.prefix.starts_with(key)).collect();
    match prefixed.as_slice() {
        [found] => Ok(found),
        // a whole key must not be repeated in an error
        [] => Err(AccountError::Unknown { what: "key", name: key.chars().take(13).collect() }),
        _ => Err(AccountError::Ambiguous { prefix: key.to_owned(), found: prefixed.len() }),
    }
}

/// Refuses a name of a user that could be taken for an id, or for another one.
pub fn check_name(name: &str) -> Result<(), AccountError> {
    let sound = !name.is_empty()
        && name.len() <= 128
        && name.trim() == name
        && !name.chars().any(char::is_control)
        && !name.bytes().all(|byte| byte.is_ascii_digit());
    if sound {
        return Ok(());
    }
    let expected = "1 to 128 characters, not only digits, without spaces at the ends";
    Err(AccountError::Invalid { field: "name", expected, found: name.to_owned() })
}
