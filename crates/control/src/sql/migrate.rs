//! Creates and migrates the schema by itself, under a lock, each step once.

use penstock_core::{Clock, SystemClock};
use sea_orm::sea_query::{Index, IndexCreateStatement, TableCreateStatement};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Schema, SqlErr, Statement,
};

use super::connect::Connections;
use super::entity::{key_tombstones, meta, orgs, route_permissions, usages, user_keys, users};
use crate::{ControlError, DEFAULT_ORG};

/// The newest schema this binary knows.
const SCHEMA: u32 = 1;
const SCHEMA_KEY: &str = "schema";

/// Brings the schema to [`SCHEMA`], or refuses.
pub(super) async fn run(connections: &Connections) -> Result<(), ControlError> {
    // the lock is taken before the look, so that of two starting nodes one waits for the other
    let transaction = connections.begin_write().await?;
    lock(&transaction).await?;
    let migrated = migrate(&transaction).await;
    // MySQL's lock is the connection's, which outlives the transaction
    unlock(&transaction).await?;
    migrated?;
    transaction.commit().await?;
    Ok(())
}

/// Whether there is a schema, and it is this binary's.
pub(super) async fn is_done(connection: &impl ConnectionTrait) -> Result<bool, ControlError> {
    Ok(found(connection).await? == SCHEMA)
}

/// The schema that is there, which is none of another program's nor of a newer Penstock; 0 if there is none.
async fn found(connection: &impl ConnectionTrait) -> Result<u32, ControlError> {
    let tables = tables(connection).await?;
    let found = if tables.iter().any(|table| table == "penstock_meta") {
        schema(connection).await?
    } else if let Some(table) = tables.into_iter().next() {
        return Err(ControlError::Foreign { table });
    } else {
        0
    };
    if found > SCHEMA { Err(ControlError::TooNew { found, known: SCHEMA }) } else { Ok(found) }
}

async fn migrate(transaction: &DatabaseTransaction) -> Result<(), ControlError> {
    let found = found(transaction).await?;
    if found < 1 {
        first(transaction).await?;
    }
    if found < SCHEMA {
        meta::set(transaction, SCHEMA_KEY, SCHEMA.to_string()).await?;
    }
    Ok(())
}

/// What MySQL locks: a lock belongs to a server, so that the database is part of its name.
const MYSQL_LOCK: &str = "SHA2(CONCAT('penstock ', DATABASE()), 224)";
/// How long another node may take, in seconds.
const PATIENCE: u32 = 60;

async fn lock(connection: &DatabaseTransaction) -> Result<(), ControlError> {
    let backend = connection.get_database_backend();
    match backend {
        DbBackend::Postgres => {
            connection.execute_unprepared("SELECT pg_advisory_xact_lock(8390880601)").await?;
        }
        DbBackend::MySql => {
            let sql = format!("SELECT GET_LOCK({MYSQL_LOCK}, {PATIENCE}) AS got");
            let row = connection.query_one_raw(Statement::from_string(backend, sql)).await?;
            let got = row.and_then(|row| row.try_get::<Option<i64>>("", "got").ok().flatten());
            if got != Some(1) {
                let message = format!("another node has been migrating it for {PATIENCE} s");
                return Err(ControlError::Unavailable(message));
            }
        }
        // its transaction is the lock
        _ => {}
    }
    Ok(())
}

async fn unlock(connection: &DatabaseTransaction) -> Result<(), DbErr> {
    if connection.get_database_backend() != DbBackend::MySql {
        return Ok(());
    }
    connection.execute_unprepared(&format!("DO RELEASE_LOCK({MYSQL_LOCK})")).await.map(drop)
}

async fn tables(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables \
             WHERE table_schema = current_schema() ORDER BY 1"
        }
        DbBackend::MySql => {
            "SELECT CAST(table_name AS CHAR) AS name FROM information_schema.tables \
             WHERE table_schema = DATABASE() ORDER BY 1"
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}

async fn schema(connection: &impl ConnectionTrait) -> Result<u32, ControlError> {
    // none: a first start on MySQL was cut, where each table stays by itself
    let row = meta::Entity::find_by_id(SCHEMA_KEY).one(connection).await?;
    let value = row.map_or_else(|| "0".to_owned(), |row| row.value);
    value.parse().map_err(|_| ControlError::Corrupt { what: "a schema version", value })
}

/// The first schema. Each step may have been done by a start that was cut.
async fn first(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let schema = Schema::new(connection.get_database_backend());
    // first what tells that the tables are ours
    for table in [
        schema.create_table_from_entity(meta::Entity),
        schema.create_table_from_entity(orgs::Entity),
        schema.create_table_from_entity(users::Entity),
        schema.create_table_from_entity(user_keys::Entity),
        schema.create_table_from_entity(key_tombstones::Entity),
        schema.create_table_from_entity(route_permissions::Entity),
        schema.create_table_from_entity(usages::Entity),
    ] {
        create(connection, table).await?;
    }
    for index in indexes() {
        match connection.execute(&index).await {
            Err(error) if !is_there(&error) => return Err(error),
            _ => {}
        }
    }
    let version = meta::Entity::find_by_id(super::VERSION_KEY).one(connection).await?;
    if version.is_none() {
        meta::set(connection, super::VERSION_KEY, "0".to_owned()).await?;
    }
    let now = SystemClock.now().0;
    let org = orgs::ActiveModel {
        name: sea_orm::ActiveValue::Set(DEFAULT_ORG.to_owned()),
        enabled: sea_orm::ActiveValue::Set(true),
        created_at: sea_orm::ActiveValue::Set(now),
        updated_at: sea_orm::ActiveValue::Set(now),
        ..Default::default()
    };
    match orgs::Entity::insert(org).exec_without_returning(connection).await {
        // PostgreSQL would not go on after that, and takes everything back instead
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(()),
        done => done.map(drop),
    }
}

async fn create(connection: &impl ConnectionTrait, mut table: TableCreateStatement) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    table.if_not_exists();
    if backend != DbBackend::MySql {
        return connection.execute(&table).await.map(drop);
    }
    table.character_set("utf8mb4").collate(binary_collation(connection).await?);
    // its TEXT ends at 64 KB
    let sql = backend.build(&table).sql.replace("` text", "` longtext");
    connection.execute_unprepared(&sql).await.map(drop)
}

/// The collation by which names differ by every byte, spaces at the end included, as they do elsewhere.
async fn binary_collation(connection: &impl ConnectionTrait) -> Result<&'static str, DbErr> {
    let version = Statement::from_string(DbBackend::MySql, "SELECT VERSION() AS version");
    let row = connection.query_one_raw(version).await?;
    let version: String = row.map_or_else(|| Ok(String::new()), |row| row.try_get("", "version"))?;
    Ok(if version.contains("MariaDB") { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" })
}

/// MySQL knows no `IF NOT EXISTS` of indexes; elsewhere a first start is whole or not at all.
fn is_there(error: &DbErr) -> bool {
    super::connect::mysql_number(error) == Some(1061)
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
