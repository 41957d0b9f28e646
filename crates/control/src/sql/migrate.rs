//! Creates and migrates the schema by itself, under the write lock, each step once.

use penstock_core::{Clock, SystemClock};
use sea_orm::sea_query::{Index, IndexCreateStatement};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, Schema, SqliteTransactionMode, Statement,
};

use super::entity::{key_tombstones, meta, orgs, route_permissions, usages, user_keys, users};
use crate::{ControlError, DEFAULT_ORG};

/// The newest schema this binary knows.
const SCHEMA: u32 = 1;
const SCHEMA_KEY: &str = "schema";

/// Brings the schema to [`SCHEMA`], or refuses.
pub(super) async fn run(connection: &DatabaseConnection) -> Result<(), ControlError> {
    // the write lock is taken before the look, so that of two starting nodes one waits for the other
    let transaction = super::begin(connection, SqliteTransactionMode::Immediate).await?;
    let found = match tables(&transaction).await? {
        tables if tables.iter().any(|table| table == "penstock_meta") => schema(&transaction).await?,
        tables => match tables.into_iter().next() {
            Some(table) => return Err(ControlError::Foreign { table }),
            None => 0,
        },
    };
    if found > SCHEMA {
        return Err(ControlError::TooNew { found, known: SCHEMA });
    }
    if found < 1 {
        first(&transaction).await?;
    }
    if found < SCHEMA {
        meta::set(&transaction, SCHEMA_KEY, SCHEMA.to_string()).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn tables(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let rows =
        connection.query_all_raw(Statement::from_string(connection.get_database_backend(), sql)).await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}

async fn schema(connection: &impl ConnectionTrait) -> Result<u32, ControlError> {
    let value = meta::Entity::find_by_id(SCHEMA_KEY).one(connection).await?.map(|row| row.value);
    let value = value.unwrap_or_default();
    value.parse().map_err(|_| ControlError::Corrupt { what: "a schema version", value })
}

/// The first schema.
async fn first(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let schema = Schema::new(connection.get_database_backend());
    for table in [
        schema.create_table_from_entity(meta::Entity),
        schema.create_table_from_entity(orgs::Entity),
        schema.create_table_from_entity(users::Entity),
        schema.create_table_from_entity(user_keys::Entity),
        schema.create_table_from_entity(key_tombstones::Entity),
        schema.create_table_from_entity(route_permissions::Entity),
        schema.create_table_from_entity(usages::Entity),
    ] {
        connection.execute(&table).await?;
    }
    for index in indexes() {
        connection.execute(&index).await?;
    }
    let now = SystemClock.now().0;
    let org = orgs::ActiveModel {
        name: sea_orm::ActiveValue::Set(DEFAULT_ORG.to_owned()),
        enabled: sea_orm::ActiveValue::Set(true),
        created_at: sea_orm::ActiveValue::Set(now),
        updated_at: sea_orm::ActiveValue::Set(now),
        ..Default::default()
    };
    orgs::Entity::insert(org).exec_without_returning(connection).await.map(drop)
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &str| Index::create().name(name).to_owned();
    vec![
        index("users_org").table(users::Entity).col(users::Column::OrgId).to_owned(),
        index("user_keys_user").table(user_keys::Entity).col(user_keys::Column::UserId).to_owned(),
        index("route_permissions_scope_pattern")
            .table(route_permissions::Entity)
            .col(route_permissions::Column::Scope)
            .col(route_permissions::Column::ScopeId)
            .col(route_permissions::Column::RoutePattern)
            .unique()
            .to_owned(),
        index("usages_at").table(usages::Entity).col(usages::Column::At).to_owned(),
        index("usages_user").table(usages::Entity).col(usages::Column::UserId).to_owned(),
        index("usages_key").table(usages::Entity).col(usages::Column::KeyId).to_owned(),
        index("usages_model").table(usages::Entity).col(usages::Column::Model).to_owned(),
    ]
}
