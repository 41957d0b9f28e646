//! Rows to records.

use penstock_core::{KeyId, OrgId, TeamId, Timestamp, UserId};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::entity::{key_tombstones, orgs, route_permissions, user_keys, users};
use crate::{ControlError, KeyDigest, KeyTombstone, Org, Permission, Records, Scope, User, UserKey};

/// All records; the caller's transaction makes it one consistent read.
pub(super) async fn load(connection: &impl ConnectionTrait) -> Result<Records, ControlError> {
    let permissions = route_permissions::Entity::find().all(connection).await?;
    let keys = user_keys::Entity::find().all(connection).await?;
    let tombstones = key_tombstones::Entity::find().all(connection).await?;
    Ok(Records {
        orgs: orgs::Entity::find().all(connection).await?.into_iter().map(org).collect(),
        users: users::Entity::find().all(connection).await?.into_iter().map(user).collect(),
        keys: keys.into_iter().map(key).collect::<Result<_, _>>()?,
        tombstones: tombstones.into_iter().map(tombstone).collect::<Result<_, _>>()?,
        permissions: permissions.into_iter().map(permission).collect::<Result<_, _>>()?,
    })
}

fn org(row: orgs::Model) -> Org {
    Org {
        id: OrgId(row.id),
        name: row.name,
        enabled: row.enabled,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
    }
}

fn user(row: users::Model) -> User {
    User {
        id: UserId(row.id),
        name: row.name,
        org_id: OrgId(row.org_id),
        team_id: row.team_id.map(TeamId),
        is_admin: row.is_admin,
        enabled: row.enabled,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
    }
}

fn key(row: user_keys::Model) -> Result<UserKey, ControlError> {
    Ok(UserKey {
        id: KeyId(row.id),
        user_id: UserId(row.user_id),
        digest: digest(row.digest)?,
        label: row.label,
        prefix: row.prefix,
        tier: row.tier,
        expires_at: row.expires_at.map(Timestamp),
        enabled: row.enabled,
        created_at: Timestamp(row.created_at),
        updated_at: Timestamp(row.updated_at),
    })
}

fn tombstone(row: key_tombstones::Model) -> Result<KeyTombstone, ControlError> {
    Ok(KeyTombstone { digest: digest(row.digest)?, created_at: Timestamp(row.created_at) })
}

fn permission(row: route_permissions::Model) -> Result<Permission, ControlError> {
    let scope = Scope::from_parts(&row.scope, row.scope_id)
        .ok_or(ControlError::Corrupt { what: "a permission's scope", value: row.scope })?;
    Ok(Permission { id: row.id, scope, route_pattern: row.route_pattern })
}

fn digest(text: String) -> Result<KeyDigest, ControlError> {
    text.parse().map_err(|_| ControlError::Corrupt { what: "a key's digest", value: text })
}
