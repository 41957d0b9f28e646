//! Creates and migrates the schema by itself, under a lock, each step once.

use penstock_core::{Clock, SystemClock};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

use super::connect::Connections;
use super::schema::{definitions, text};
use super::statement::of_write;
use crate::backend::{Select, Write};
use crate::ledger::{Meta, Migration};
use crate::store::{SCHEMA, first_rows};
use crate::table::Entity as _;
use crate::{ControlError, Gproxy};

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
async fn found(connection: &impl ConnectionTrait) -> Result<i64, ControlError> {
    let tables = tables(connection).await?;
    let newest = if records_migrations(&tables) {
        super::rows(connection, &newest()).await?.into_iter().next().map(Migration::read).transpose()?
    } else {
        None
    };
    judge(tables, newest.as_ref())
}

/// Whether the newest migration can be looked for in a database of these tables.
pub(crate) fn records_migrations(tables: &[String]) -> bool {
    tables.iter().any(|table| table == Migration::table().name)
}

/// The newest migration.
pub(crate) fn newest() -> Select {
    Select::all(Migration::table()).descending().limit(1)
}

/// The schema of a database with these tables and this newest migration, 0 if there is none; refused if it is
/// none of this binary's.
pub(crate) fn judge(tables: Vec<String>, newest: Option<&Migration>) -> Result<i64, ControlError> {
    if records_migrations(&tables) {
        // none: a first start on MySQL was cut, where each table stays by itself
        let found = newest.map_or(0, |migration| migration.number);
        return if found > SCHEMA { Err(ControlError::TooNew { found, known: SCHEMA }) } else { Ok(found) };
    }
    let has = |name: &str| tables.iter().any(|table| table == name);
    if has(Meta::table().name) {
        return Err(ControlError::TooOld);
    }
    // what its second version has, and what its first one has
    let version = match () {
        () if has("schema_migrations") && has("orgs") => Some(Gproxy::Second),
        () if has("global_settings") && has("providers") => Some(Gproxy::First),
        () => None,
    };
    if let Some(version) = version {
        return Err(ControlError::OfGproxy { place: "the database".to_owned(), version });
    }
    tables.into_iter().next().map_or(Ok(0), |table| Err(ControlError::Foreign { table }))
}

async fn migrate(transaction: &DatabaseTransaction) -> Result<(), ControlError> {
    if found(transaction).await? < SCHEMA {
        first(transaction).await?;
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

/// The tables of a database of SQLite or libSQL, without those that it makes for itself.
pub(crate) const TABLES_OF_SQLITE: &str = "SELECT name FROM sqlite_master WHERE type = 'table' \
     AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'libsql_%' ORDER BY name";

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
        _ => TABLES_OF_SQLITE,
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}

/// The first schema. Each step may have been done by a start that was cut.
async fn first(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let collation = if backend == DbBackend::MySql { binary_collation(connection).await? } else { "" };
    for definition in definitions(backend) {
        connection.execute_unprepared(&text(backend, definition.table, collation)).await?;
        for index in &definition.indexes {
            match connection.execute(index).await {
                Err(error) if !is_there(&error) => return Err(error),
                _ => {}
            }
        }
    }
    for statement in first_writes().into_iter().flat_map(|write| of_write(backend, write)) {
        connection.execute_raw(statement).await?;
    }
    Ok(())
}

/// What a new schema holds, and that it is there.
pub(crate) fn first_writes() -> [Write; 2] {
    let done = Migration { number: SCHEMA, name: "first".to_owned(), applied_at: SystemClock.now() };
    [Write::Put(Meta::table(), first_rows()), Write::Put(Migration::table(), vec![done.row()])]
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
