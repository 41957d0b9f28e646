//! The queries of the builder, over any SQL database.

mod blocks;
mod dialect;
mod document;
mod like;
mod migrate;
mod nearest;
mod render;
mod schema;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use serde_json::Value;

use super::query::{Action, Answer, Cardinality, Query, identifier};
use super::value::{Cell, Kind, plain};
use super::{Database, DbError, Hit, Migrated, Migrations, Row, VectorSearch, code, raw};

pub use dialect::Dialect;
pub use nearest::Ranking;
pub use schema::{Column, Table};

/// A statement with its parameters, in the placeholders of its dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    /// The text.
    pub sql: String,
    /// In the order of their placeholders.
    pub parameters: Vec<Cell>,
}

impl Statement {
    /// A statement without parameters.
    pub fn plain(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), parameters: Vec::new() }
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds, as far as the driver knows.
    pub kind: Kind,
    /// The table and column that it comes from, where the driver tells.
    pub origin: Option<(String, String)>,
}

/// What a statement answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The columns.
    pub fields: Vec<Field>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// The key that the database made up for the last row, where the driver tells.
    pub last_id: Option<i64>,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One statement after the other.
    Read,
    /// All or nothing.
    Write,
    /// Whatever a module's own SQL does, each statement by itself.
    Loose,
}

/// A wire protocol.
#[async_trait]
pub trait Driver: fmt::Debug + Send + Sync {
    /// Which backend it is.
    fn backend(&self) -> &'static str;
    /// Which SQL it speaks.
    fn dialect(&self) -> Dialect;
    /// Begins a session; one of [`Mode::Write`] is rolled back if it is dropped.
    async fn begin(&self, mode: Mode) -> Result<Box<dyn Session>, DbError>;
    /// What the database knows of a table; `None` if there is no such table.
    async fn table(&self, name: &str) -> Result<Option<Table>, DbError>;
    /// How it can rank the rows of a table by the vectors in a column.
    fn ranking(&self, _table: &Table, _vector: &Column) -> Ranking {
        Ranking::None
    }
    /// The schemas or databases beside its own, which are not for modules.
    async fn foreign_schemas(&self) -> Result<Vec<String>, DbError> {
        Ok(Vec::new())
    }
    /// Flushes and closes.
    async fn close(&self);
}

/// Takes a row.
pub type Take<'a> = dyn FnMut(Vec<Cell>) + Send + 'a;

/// Statements that belong together.
#[async_trait]
pub trait Session: Send {
    /// Runs one statement.
    async fn run(&mut self, statement: Statement) -> Result<Rows, DbError>;
    /// Runs one statement and hands over its rows one by one; where the driver can, they are not gathered.
    async fn run_each(&mut self, statement: Statement, take: &mut Take<'_>) -> Result<(), DbError> {
        self.run(statement).await?.rows.into_iter().for_each(take);
        Ok(())
    }
    /// Keeps what was done.
    async fn commit(self: Box<Self>) -> Result<(), DbError>;
}

/// A database over a driver.
#[derive(Debug)]
pub struct SqlDb {
    driver: Box<dyn Driver>,
    tables: RwLock<HashMap<String, Arc<Table>>>,
}

impl SqlDb {
    /// A database that speaks through `driver`.
    pub fn new(driver: impl Driver + 'static) -> Self {
        Self { driver: Box::new(driver), tables: RwLock::default() }
    }

    /// Flushes what is held back, and closes.
    pub async fn close(&self) {
        self.driver.close().await;
    }

    /// The table, with all of `columns`; what is not known is looked up once more.
    async fn require_table<'a>(
        &self,
        name: &str,
        columns: impl Iterator<Item = &'a str> + Clone + Send,
    ) -> Result<Arc<Table>, DbError> {
        let known = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(table) = known
            && table.require_all(columns.clone()).is_ok()
        {
            return Ok(table);
        }
        let name = identifier(name)?;
        let found = self.driver.table(name).await?.ok_or_else(|| {
            self.forget(name);
            DbError::new(code::NO_TABLE, format!("no table {name:?}"))
        })?;
        let table = Arc::new(found);
        self.tables.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), table.clone());
        table.require_all(columns)?;
        Ok(table)
    }

    fn forget(&self, name: &str) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    async fn select(&self, query: &Query, table: &Table) -> Result<Answer, DbError> {
        let render = render::Render::new(self.driver.dialect(), table);
        let selected = table.selected(query.returning.as_deref().unwrap_or_default())?;
        let mut limited = query.clone();
        if query.cardinality != Cardinality::Many {
            // a second row is enough to know that there is not one
            limited.limit = Some(query.limit.map_or(2, |limit| limit.min(2)));
        }
        let columns: Vec<&Column> = selected.iter().map(|(column, _)| *column).collect();
        let select = render.select(&limited, &columns)?;
        let mut session = self.driver.begin(Mode::Read).await?;
        let mut answer = Answer::default();
        if query.count {
            let counted = session.run(render.count(query)?).await?;
            let first = counted.rows.first().and_then(|row| row.first());
            answer.count = match first {
                Some(Cell::Integer(count)) => u64::try_from(*count).ok(),
                _ => None,
            };
        }
        if query.head {
            return Ok(answer);
        }
        let found = session.run(select).await?;
        session.commit().await?;
        query.cardinality.check(found.rows.len())?;
        answer.rows = Table::rows(&selected, found.rows);
        Ok(answer)
    }
}

#[async_trait]
impl Database for SqlDb {
    fn backend(&self) -> &'static str {
        self.driver.backend()
    }

    async fn run(&self, query: &Query) -> Result<Answer, DbError> {
        let is_read = query.action == Action::Select;
        if !is_read && (!query.order.is_empty() || query.limit.is_some() || query.count) {
            return Err(DbError::invalid("order, limit, range and count belong to a select"));
        }
        let is_new = matches!(query.action, Action::Insert(_) | Action::Upsert { .. });
        if is_new && !query.filters.is_empty() {
            return Err(DbError::invalid("filters belong to a select, an update or a delete"));
        }
        let named = schema::named(query);
        let table = self.require_table(&query.table, named.iter().copied()).await?;
        if is_read { self.select(query, &table).await } else { self.write(query, &table).await }
    }

    async fn vector_search(&self, search: &VectorSearch) -> Result<Vec<Hit>, DbError> {
        self.nearest(search).await
    }

    async fn raw(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        let cells: Vec<Cell> = parameters.iter().map(plain).collect();
        let script = self.script(sql, &cells).await?;
        let mode = match &script {
            // beside whoever writes
            raw::Script { reads: true, .. } => Mode::Read,
            raw::Script { loose: true, .. } => Mode::Loose,
            _ => Mode::Write,
        };
        let mut session = self.driver.begin(mode).await?;
        let mut last = Rows::default();
        for statement in script.statements {
            last = self.run_own(&mut *session, statement).await?;
        }
        session.commit().await?;
        if script.changes_schema {
            self.forget_all();
        }
        self.to_rows(last).await
    }

    async fn migrate(&self, migrations: &Migrations) -> Result<Migrated, DbError> {
        self.apply(migrations).await
    }

    async fn health(&self) -> Result<(), DbError> {
        let mut session = self.driver.begin(Mode::Read).await?;
        session.run(Statement::plain("SELECT 1")).await?;
        session.commit().await
    }
}

impl SqlDb {
    fn forget_all(&self) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The statements of a module's own SQL, if they are for modules.
    async fn script(&self, sql: &str, cells: &[Cell]) -> Result<raw::Script, DbError> {
        let dialect = self.driver.dialect();
        let tokens = raw::tokens(sql, dialect)?;
        let foreign = if raw::has_dots(&tokens) { self.driver.foreign_schemas().await? } else { Vec::new() };
        raw::guard(&tokens, dialect, &foreign)?;
        raw::script(tokens, dialect, cells)
    }

    /// Runs one of them.
    async fn run_own(&self, session: &mut dyn Session, statement: Statement) -> Result<Rows, DbError> {
        let dialect = self.driver.dialect();
        match raw::Index::of(&statement.sql, dialect) {
            Some(index) if matches!(dialect, Dialect::Mysql { .. }) => self.index(session, index).await,
            _ => session.run(statement).await,
        }
    }

    /// Makes an index where texts have no index of their own: by the table, which may just have been made.
    async fn index(&self, session: &mut dyn Session, index: raw::Index) -> Result<Rows, DbError> {
        let table = self.driver.table(&index.table).await?.unwrap_or_default();
        let is_text = |name: &str| table.get(name).is_some_and(|column| column.kind == Kind::Text);
        let may_exist = index.may_exist;
        match session.run(Statement::plain(index.statement(is_text))).await {
            Err(error) if may_exist && error.code == code::EXISTS => Ok(Rows::default()),
            done => done,
        }
    }

    /// The rows of raw SQL: by the type of the column that they come from, where the driver tells.
    async fn to_rows(&self, found: Rows) -> Result<Vec<Row>, DbError> {
        let mut kinds = Vec::with_capacity(found.fields.len());
        for field in &found.fields {
            let kind = match &field.origin {
                Some((table, column)) => match self.require_table(table, std::iter::empty()).await {
                    Ok(table) => table.get(column).map_or(field.kind, |column| column.kind),
                    Err(_) => field.kind,
                },
                None => field.kind,
            };
            kinds.push((field.name.clone(), kind));
        }
        let row = |cells: Vec<Cell>| {
            kinds.iter().zip(cells).map(|((name, kind), cell)| (name.clone(), kind.decode(cell))).collect()
        };
        Ok(found.rows.into_iter().map(row).collect())
    }
}
