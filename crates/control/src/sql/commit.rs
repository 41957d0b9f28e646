//! Changes to rows: temporary ids, conflicts, references and what hangs on what.

use penstock_core::{Clock, SystemClock};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ModelTrait, QueryFilter,
    SqlErr,
};

use super::entity::{key_tombstones, orgs, route_permissions, user_keys, users};
use crate::{Change, ChangeSet, ControlError, Kind, Org, Permission, Record, Scope, User, UserKey};

/// Temporary ids and what they became.
#[derive(Default)]
struct Ids(Vec<(i64, i64)>);

impl Ids {
    fn real(&self, id: i64) -> i64 {
        self.0.iter().find(|(from, _)| *from == id).map_or(id, |(_, to)| *to)
    }
}

/// Applies the changes in order; the caller's transaction makes them one.
pub(super) async fn apply(
    connection: &impl ConnectionTrait,
    changes: &ChangeSet,
) -> Result<Vec<(i64, i64)>, ControlError> {
    let mut ids = Ids::default();
    for change in &changes.changes {
        match change {
            Change::Put(record) => {
                if let Some(made) = put(connection, record, &ids).await? {
                    ids.0.push(made);
                }
            }
            Change::Delete(kind, id) => delete(connection, *kind, ids.real(*id)).await?,
        }
    }
    Ok(ids.0)
}

async fn put(
    connection: &impl ConnectionTrait,
    record: &Record,
    ids: &Ids,
) -> Result<Option<(i64, i64)>, ControlError> {
    let kind = record.kind();
    match record {
        Record::Org(org) => write(connection, kind, org.id.0, org_row(org), &org.name).await,
        Record::User(user) => {
            require_org(connection, kind, ids.real(user.org_id.0)).await?;
            write(connection, kind, user.id.0, user_row(user, ids), &user.name).await
        }
        Record::UserKey(key) => {
            require_user(connection, kind, ids.real(key.user_id.0)).await?;
            write(connection, kind, key.id.0, key_row(key, ids), &key.prefix).await
        }
        Record::Permission(permission) => {
            let (name, id) = permission.scope.parts();
            let id = ids.real(id);
            if matches!(permission.scope, Scope::User(_)) {
                require_user(connection, kind, id).await?;
            }
            let row = permission_row(permission, name, id);
            write(connection, kind, permission.id, row, &permission.route_pattern).await
        }
    }
}

/// Inserts under a temporary id, replaces under a real one.
async fn write<Row>(
    connection: &impl ConnectionTrait,
    kind: Kind,
    id: i64,
    row: Row,
    key: &str,
) -> Result<Option<(i64, i64)>, ControlError>
where
    Row: ActiveModelTrait + sea_orm::ActiveModelBehavior + Send,
    <Row::Entity as EntityTrait>::Model: sea_orm::IntoActiveModel<Row> + HasId,
{
    let failed = |error: DbErr| match (error.sql_err(), &error) {
        (Some(SqlErr::UniqueConstraintViolation(_)), _) => {
            ControlError::Conflict { kind, key: key.to_owned() }
        }
        (_, DbErr::RecordNotUpdated) => ControlError::Missing { kind, id },
        _ => error.into(),
    };
    if id < 0 {
        let made = row.insert(connection).await.map_err(failed)?;
        return Ok(Some((id, made.id())));
    }
    row.update(connection).await.map_err(failed)?;
    Ok(None)
}

/// The id the database gave a row.
trait HasId {
    fn id(&self) -> i64;
}

macro_rules! has_id {
    ($($table:ident),+) => {$(
        impl HasId for $table::Model {
            fn id(&self) -> i64 {
                self.id
            }
        }
    )+};
}
has_id!(orgs, users, user_keys, route_permissions);

fn id_value(id: i64) -> ActiveValue<i64> {
    if id < 0 { NotSet } else { ActiveValue::Unchanged(id) }
}

fn org_row(org: &Org) -> orgs::ActiveModel {
    orgs::ActiveModel {
        id: id_value(org.id.0),
        name: Set(org.name.clone()),
        enabled: Set(org.enabled),
        created_at: Set(org.created_at.0),
        updated_at: Set(org.updated_at.0),
    }
}

fn user_row(user: &User, ids: &Ids) -> users::ActiveModel {
    users::ActiveModel {
        id: id_value(user.id.0),
        name: Set(user.name.clone()),
        org_id: Set(ids.real(user.org_id.0)),
        team_id: Set(user.team_id.map(|id| id.0)),
        is_admin: Set(user.is_admin),
        enabled: Set(user.enabled),
        created_at: Set(user.created_at.0),
        updated_at: Set(user.updated_at.0),
    }
}

fn key_row(key: &UserKey, ids: &Ids) -> user_keys::ActiveModel {
    user_keys::ActiveModel {
        id: id_value(key.id.0),
        user_id: Set(ids.real(key.user_id.0)),
        digest: Set(key.digest.to_string()),
        label: Set(key.label.clone()),
        prefix: Set(key.prefix.clone()),
        tier: Set(key.tier.clone()),
        expires_at: Set(key.expires_at.map(|at| at.0)),
        enabled: Set(key.enabled),
        created_at: Set(key.created_at.0),
        updated_at: Set(key.updated_at.0),
    }
}

fn permission_row(permission: &Permission, scope: &str, scope_id: i64) -> route_permissions::ActiveModel {
    route_permissions::ActiveModel {
        id: id_value(permission.id),
        scope: Set(scope.to_owned()),
        scope_id: Set(scope_id),
        route_pattern: Set(permission.route_pattern.clone()),
    }
}

async fn require_org(connection: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<(), ControlError> {
    let found = orgs::Entity::find_by_id(id).one(connection).await?;
    found.map(drop).ok_or(ControlError::InvalidReference { kind, what: "organisation" })
}

async fn require_user(connection: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<(), ControlError> {
    let found = users::Entity::find_by_id(id).one(connection).await?;
    found.map(drop).ok_or(ControlError::InvalidReference { kind, what: "user" })
}

async fn delete(connection: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<(), ControlError> {
    let missing = ControlError::Missing { kind, id };
    match kind {
        Kind::Org => {
            let org = orgs::Entity::find_by_id(id).one(connection).await?.ok_or(missing)?;
            let members = users::Entity::find().filter(users::Column::OrgId.eq(id)).all(connection).await?;
            for user in members {
                delete_user(connection, user).await?;
            }
            delete_permissions(connection, "org", id).await?;
            org.delete(connection).await?;
        }
        Kind::User => {
            let user = users::Entity::find_by_id(id).one(connection).await?.ok_or(missing)?;
            delete_user(connection, user).await?;
        }
        Kind::UserKey => {
            let key = user_keys::Entity::find_by_id(id).one(connection).await?.ok_or(missing)?;
            delete_key(connection, key).await?;
        }
        Kind::Permission => {
            let row = route_permissions::Entity::find_by_id(id).one(connection).await?.ok_or(missing)?;
            row.delete(connection).await?;
        }
    }
    Ok(())
}

async fn delete_user(connection: &impl ConnectionTrait, user: users::Model) -> Result<(), ControlError> {
    let keys =
        user_keys::Entity::find().filter(user_keys::Column::UserId.eq(user.id)).all(connection).await?;
    for key in keys {
        delete_key(connection, key).await?;
    }
    delete_permissions(connection, "user", user.id).await?;
    user.delete(connection).await?;
    Ok(())
}

async fn delete_key(connection: &impl ConnectionTrait, key: user_keys::Model) -> Result<(), ControlError> {
    let tombstone =
        key_tombstones::ActiveModel { digest: Set(key.digest.clone()), created_at: Set(SystemClock.now().0) };
    let keep = OnConflict::column(key_tombstones::Column::Digest)
        .update_column(key_tombstones::Column::CreatedAt)
        .to_owned();
    key_tombstones::Entity::insert(tombstone).on_conflict(keep).exec_without_returning(connection).await?;
    delete_permissions(connection, "key", key.id).await?;
    key.delete(connection).await?;
    Ok(())
}

async fn delete_permissions(
    connection: &impl ConnectionTrait,
    scope: &str,
    id: i64,
) -> Result<(), ControlError> {
    route_permissions::Entity::delete_many()
        .filter(route_permissions::Column::Scope.eq(scope))
        .filter(route_permissions::Column::ScopeId.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}
