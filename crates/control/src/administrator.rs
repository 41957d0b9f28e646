//! The first administrator, and the way back in for one who is locked out.

use penstock_core::{KeyId, OrgId, Secret, Timestamp, UserId};
use serde_json::{Value, json};

use crate::accounts::{ADMIN_TIER, AccountError, Actor, NewKey, check_name, new_key};
use crate::login::may_administer;
use crate::password::{self, PasswordError};
use crate::{Change, ChangeSet, ControlError, ControlStore, Org, Records, Team, User, UserKey};

/// Why there is no administrator afterwards.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// Its name, or the store.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The password cannot be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// Sees to it that a user of that name is an administrator, enabled as are its organisation and team, and has that
/// password. Nothing is changed where all of it is so already, so that a start does not end the sessions of the one
/// before.
pub async fn recover(
    store: &dyn ControlStore,
    name: &str,
    password: &Secret<String>,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, AdministratorError> {
    check_name(name)?;
    loop {
        let loaded = store.load().await.map_err(AccountError::from)?;
        let found = loaded.records.users.iter().find(|user| user.name == name);
        if found.is_some_and(|user| may_administer(user, &loaded.records) && has(user, password)) {
            return Ok(false);
        }
        let user = User {
            password: Some(password::hash(password)?),
            is_admin: true,
            enabled: true,
            updated_at: now,
            ..found.cloned().unwrap_or_else(|| nobody(&loaded.records, name, now))
        };
        let (action, before) = match found {
            Some(user) => ("user.update", Some(shown(user, None))),
            None => ("user.create", None),
        };
        let mut after = shown(&user, Some("[redacted]"));
        let mut changes = Vec::new();
        // nobody of a disabled organisation or team may administer
        let org = loaded.records.orgs.get(user.org_id).filter(|org| !org.enabled);
        if let Some(org) = org {
            after["enabled_org"] = org.name.clone().into();
            changes.push(Change::Put(Org { enabled: true, updated_at: now, ..(**org).clone() }.into()));
        }
        let team = user.team_id.and_then(|team| loaded.records.teams.get(team)).filter(|team| !team.enabled);
        if let Some(team) = team {
            after["enabled_team"] = team.name.clone().into();
            changes.push(Change::Put(Team { enabled: true, updated_at: now, ..(**team).clone() }.into()));
        }
        changes.push(Change::Put(user.into()));
        let entry = actor.did(action, format!("user {name}"), before, Some(after));
        let changes = ChangeSet { changes, based_on: Some(loaded.version), audit: Some(entry) };
        match store.commit(&changes).await {
            Ok(_) => return Ok(true),
            Err(ControlError::Stale) => {}
            Err(error) => return Err(AccountError::from(error).into()),
        }
    }
}

/// Makes an administrator and a key for it, where there is no user at all. The key opens the admin API alone,
/// and is returned this once.
pub async fn first(
    store: &dyn ControlStore,
    name: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<Option<(UserKey, Secret<String>)>, AdministratorError> {
    check_name(name)?;
    let loaded = store.load().await.map_err(AccountError::from)?;
    // a user who was there and was deleted has left a tombstone, if it ever had a key
    if !loaded.records.users.is_empty() || !loaded.records.tombstones.is_empty() {
        return Ok(None);
    }
    let user = User { is_admin: true, ..nobody(&loaded.records, name, now) };
    let label = Some("first start".to_owned());
    let (key, secret) = new_key(user.id, NewKey { label, expires_at: None }, now)?;
    let key = UserKey { id: KeyId(-2), tier: ADMIN_TIER.to_owned(), ..key };
    let after = json!({"user": shown(&user, None), "key": key.prefix});
    let entry = actor.did("user.create", format!("user {name}"), None, Some(after));
    let changes = ChangeSet::of(Change::Put(user.into())).and(Change::Put(key.clone().into()));
    match store.commit(&changes.based_on(loaded.version).audited(entry)).await {
        Ok(_) => Ok(Some((key, secret))),
        // another node was faster, and has shown its own
        Err(ControlError::Stale) => Ok(None),
        Err(error) => Err(AccountError::from(error).into()),
    }
}

fn has(user: &User, wanted: &Secret<String>) -> bool {
    // the hash is compared with, and goes nowhere
    user.password.as_ref().is_some_and(|hash| password::verify(wanted, hash.expose()) == Ok(true))
}

fn nobody(records: &Records, name: &str, now: Timestamp) -> User {
    User {
        id: UserId(-1),
        name: name.to_owned(),
        org_id: records.default_org().map_or(OrgId(0), |org| org.id),
        team_id: None,
        password: None,
        is_admin: false,
        enabled: true,
        created_at: now,
        updated_at: now,
    }
}

fn shown(user: &User, password: Option<&str>) -> Value {
    let mut shown = json!({"name": user.name, "is_admin": user.is_admin, "enabled": user.enabled});
    if let Some(password) = password {
        shown["password"] = password.into();
    }
    shown
}
