//! The control store in libSQL, at Turso or in a server of one's own: the schema and the statements of SQLite,
//! over HTTP.
//!
//! No transaction is held open from here: each read of several selections and each write is one batch of Hrana,
//! whose steps run on the server, each on the condition that the one before it went well. An answer that got lost
//! leaves open what became of a write; it is `Unavailable`, and its guard makes it safe to repeat.

pub(crate) mod address;
mod batch;
mod cursor;
mod hrana;
mod http;
mod native;
mod prepare;
#[cfg(test)]
mod tests;
mod value;
mod wire;

use async_trait::async_trait;
use penstock_core::Secret;
use sea_orm::DbBackend;
use tokio::sync::OnceCell;

use self::batch::{Batch, Outcome};
use self::hrana::Hrana;
use self::http::HttpClient;
use self::native::NativeClient;
use self::wire::Stmt;
use crate::ControlError;
use crate::backend::{Backend, Guard, Select, Write, Written};
use crate::sql::statement;
use crate::table::{Row, Table};

/// How often a write is tried that others were in the way of; the server itself waits some seconds each time.
const ATTEMPTS: usize = 3;
/// What fails unless the statement before it changed exactly one row. It is known by its place, not by its error.
const MOVED_ONE: &str = "SELECT CASE WHEN changes() = 1 THEN 1 ELSE abs(-9223372036854775808) END";
/// Why [`Backend::scrub`] is not done.
const KEEPS: &str = "libSQL lets no client write them anew, and keeps a log of what changed; replace the secrets \
     that were stored open where they were issued";

/// Rows in libSQL.
#[derive(Debug)]
pub(crate) struct LibsqlBackend {
    hrana: Hrana,
    /// There once the schema was found, or made.
    prepared: OnceCell<()>,
}

impl LibsqlBackend {
    /// Rows in the database at `url`, which is called when it is needed.
    pub(crate) fn new(url: &str, token: Option<Secret<String>>) -> Self {
        Self::over(Box::new(NativeClient::new(url)), url, token)
    }

    /// The same over another client.
    fn over(client: Box<dyn HttpClient>, shown: &str, token: Option<Secret<String>>) -> Self {
        Self { hrana: Hrana::new(client, shown, token), prepared: OnceCell::new() }
    }

    /// The server, with the schema; the first that asks makes it.
    async fn prepared(&self) -> Result<&Hrana, ControlError> {
        self.prepared.get_or_try_init(|| prepare::run(&self.hrana)).await?;
        Ok(&self.hrana)
    }
}

#[async_trait]
impl Backend for LibsqlBackend {
    async fn prepare(&self) -> Result<(), ControlError> {
        self.prepared().await.map(drop)
    }

    async fn is_there(&self) -> Result<bool, ControlError> {
        let is_there = prepare::is_done(&self.hrana).await?;
        if is_there {
            drop(self.prepared.set(()));
        }
        Ok(is_there)
    }

    async fn read(&self, selections: &[Select]) -> Result<Vec<Vec<Row>>, ControlError> {
        self.prepared().await?.select(selections).await
    }

    async fn write(&self, guard: Option<Guard>, writes: Vec<Write>) -> Result<Written, ControlError> {
        let mut statements = Vec::new();
        if let Some(guard) = guard {
            statements.push(statement::advance(DbBackend::Sqlite, guard).into());
            statements.push(MOVED_ONE.into());
        }
        // what looks whether a row was there, and the table that it should be in
        let mut looks = Vec::new();
        for write in writes {
            let changes = write.changes();
            statements.extend(statement::of_write(DbBackend::Sqlite, write).into_iter().map(Stmt::from));
            if let Some(table) = changes {
                looks.push((statements.len(), table));
                statements.push(MOVED_ONE.into());
            }
        }
        if statements.is_empty() {
            return Ok(Written::Done);
        }
        let batch = Batch::writing(statements);
        let hrana = self.prepared().await?;
        for attempt in 1.. {
            let ended = hrana.run(&batch).await?;
            if ended.committed {
                return Ok(Written::Done);
            }
            if let (Some(_), Some(Outcome::Done(advanced))) = (guard, ended.outcomes.first())
                && advanced.affected == 0
            {
                return Ok(Written::Moved);
            }
            let failed = |at: &usize| matches!(ended.outcomes.get(*at), Some(Outcome::Refused(_)));
            if let Some((_, table)) = looks.iter().find(|(at, _)| failed(at)) {
                return Err(hrana.unavailable(&statement::is_lost(table)));
            }
            if !ended.is_collision() || attempt == ATTEMPTS {
                return Err(hrana.failed(&ended));
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn size(&self) -> Result<u64, ControlError> {
        let hrana = self.prepared().await?;
        let size = format!("SELECT CAST(({}) AS TEXT)", statement::size(DbBackend::Sqlite));
        let mut ended = hrana.run(&Batch::single(size.as_str().into())).await?;
        let Some(Outcome::Done(found)) = ended.outcomes.pop() else { return Err(hrana.failed(&ended)) };
        let text = found.rows.into_iter().flatten().next().and_then(value::text);
        text.and_then(|text| text.parse().ok()).ok_or_else(|| hrana.odd())
    }

    async fn scrub(&self, _tables: &[&'static Table]) -> Result<(), ControlError> {
        Err(ControlError::NotScrubbed(KEEPS))
    }

    async fn compact(&self, _tables: &[&'static Table]) -> Result<(), ControlError> {
        // it uses the room again, and does no more than that
        Ok(())
    }

    async fn close(&self) -> Result<(), ControlError> {
        Ok(())
    }
}
