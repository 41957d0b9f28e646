//! Makes the schema by itself, once: whoever finds an empty database makes it in one write, on the condition that
//! it is still empty.

use sea_orm::DbBackend;

use super::ATTEMPTS;
use super::batch::{Batch, Outcome};
use super::hrana::Hrana;
use super::value::text;
use super::wire::Stmt;
use crate::ControlError;
use crate::ledger::Migration;
use crate::sql::migrate::{TABLES_OF_SQLITE, first_writes, judge, newest, records_migrations};
use crate::sql::{schema, statement};
use crate::store::SCHEMA;
use crate::table::Entity as _;

/// Brings the schema to [`SCHEMA`], or refuses.
pub(super) async fn run(hrana: &Hrana) -> Result<(), ControlError> {
    for attempt in 1.. {
        if is_done(hrana).await? {
            return Ok(());
        }
        let ended = hrana.run(&Batch::writing(first())).await?;
        if ended.committed {
            return Ok(());
        }
        // another node may have been faster
        let made_meanwhile = matches!(ended.outcomes.first(), Some(Outcome::Refused(_)));
        if !(made_meanwhile || ended.is_collision()) || attempt == ATTEMPTS {
            return Err(hrana.failed(&ended));
        }
    }
    unreachable!("the last attempt returns")
}

/// Whether there is a schema, and it is this binary's.
pub(super) async fn is_done(hrana: &Hrana) -> Result<bool, ControlError> {
    let tables = tables(hrana).await?;
    let newest = if records_migrations(&tables) {
        let found = hrana.select(&[newest()]).await?.into_iter().flatten().next();
        found.map(Migration::read).transpose()?
    } else {
        None
    };
    Ok(judge(tables, newest.as_ref())? == SCHEMA)
}

async fn tables(hrana: &Hrana) -> Result<Vec<String>, ControlError> {
    let mut ended = hrana.run(&Batch::single(TABLES_OF_SQLITE.into())).await?;
    let Some(Outcome::Done(found)) = ended.outcomes.pop() else { return Err(hrana.failed(&ended)) };
    let name = |row: Vec<_>| row.into_iter().next().and_then(text);
    found.rows.into_iter().map(name).collect::<Option<_>>().ok_or_else(|| hrana.odd())
}

/// The first schema.
pub(super) fn first() -> Vec<Stmt> {
    let sqlite = DbBackend::Sqlite;
    // fails where there is a table
    let empty =
        format!("SELECT CASE WHEN EXISTS ({TABLES_OF_SQLITE}) THEN abs(-9223372036854775808) ELSE 1 END");
    let mut statements = vec![Stmt::from(empty.as_str())];
    for definition in schema::definitions(sqlite) {
        statements.push(schema::text(sqlite, definition.table, "").as_str().into());
        statements.extend(definition.indexes.iter().map(|index| Stmt::from(sqlite.build(index))));
    }
    let rows = first_writes().into_iter();
    statements.extend(rows.flat_map(|write| statement::of_write(sqlite, write)).map(Stmt::from));
    statements
}
