//! Writes: each in one transaction, and what they give is read as it was stored.

use std::time::Duration;

use sea_query::{Alias, Condition, OnConflict};
use uuid::Uuid;

use super::render::Render;
use super::{Answer, Cell, Column, Kind, Mode, Session, SqlDb, Table};
use crate::db::query::{Action, Query};
use crate::db::{DbError, Row, code};

/// A write that lost against another one is tried again so often.
const ATTEMPTS: u32 = 12;
/// And waits a little longer each time.
const PAUSE: Duration = Duration::from_millis(5);

/// The values of one row.
pub(super) type Cells<'a> = Vec<(&'a Column, Cell)>;

/// What to do with a new row whose key is there.
struct Conflict<'a> {
    key: Vec<&'a Column>,
    ignore: bool,
}

/// One transaction of writes.
pub(super) struct Write<'a> {
    pub(super) render: Render<'a>,
    table: &'a Table,
    pub(super) session: Box<dyn Session>,
    /// Whether the dialect gives what it wrote.
    returns: bool,
    /// The columns that are asked for; none if none are.
    columns: Vec<&'a Column>,
}

impl SqlDb {
    pub(super) async fn write(&self, query: &Query, table: &Table) -> Result<Answer, DbError> {
        for attempt in 1..ATTEMPTS {
            match self.write_once(query, table).await {
                Err(error) if error.code.starts_with("40") => tokio::time::sleep(PAUSE * attempt).await,
                done => return done,
            }
        }
        self.write_once(query, table).await
    }

    async fn write_once(&self, query: &Query, table: &Table) -> Result<Answer, DbError> {
        if query.filters.is_empty()
            && !query.every_row
            && matches!(query.action, Action::Update(_) | Action::Delete)
        {
            return Err(DbError::new(code::NO_FILTER, "expected a filter: this would meet every row")
                .with_hint("add .match({}) where every row is meant"));
        }
        let selected = match &query.returning {
            Some(columns) => table.selected(columns)?,
            None => Vec::new(),
        };
        let dialect = self.driver.dialect();
        let mut write = Write {
            render: Render::new(dialect, table),
            table,
            session: self.driver.begin(Mode::Write).await?,
            returns: dialect.returns(),
            columns: selected.iter().map(|(column, _)| *column).collect(),
        };
        let rows = match &query.action {
            Action::Insert(rows) => write.insert_all(rows, None).await?,
            Action::Upsert { rows, on_conflict, ignore_duplicates } => {
                let conflict = Conflict { key: key(table, on_conflict)?, ignore: *ignore_duplicates };
                write.insert_all(rows, Some(&conflict)).await?
            }
            Action::Update(row) => write.update(query, row).await?,
            Action::Delete => write.delete(query).await?,
            Action::Select => Vec::new(),
        };
        if query.returning.is_some() {
            // before it is kept: a write that is not what was expected is not done
            query.cardinality.check(rows.len())?;
        }
        write.session.commit().await?;
        Ok(Answer { rows: Table::rows(&selected, rows), count: None })
    }
}

/// The columns of `onConflict`, which have to be a key.
fn key<'a>(table: &'a Table, on_conflict: &[String]) -> Result<Vec<&'a Column>, DbError> {
    let names = if on_conflict.is_empty() { &table.primary } else { on_conflict };
    let columns: Vec<&Column> = names.iter().map(|name| table.require(name)).collect::<Result<_, _>>()?;
    let is_key = |key: &Vec<String>| {
        key.len() == columns.len() && key.iter().all(|name| columns.iter().any(|column| column.name == *name))
    };
    if columns.is_empty() || !(is_key(&table.primary) || table.unique.iter().any(is_key)) {
        let message = format!("no unique key of table {:?} is on ({})", table.name, names.join(", "));
        return Err(DbError::new(code::NO_KEY, message));
    }
    Ok(columns)
}

fn cells<'a>(table: &'a Table, row: &Row) -> Result<Cells<'a>, DbError> {
    let mut cells = Cells::with_capacity(row.len());
    for (name, value) in row {
        let column = table.require(name)?;
        if cells.iter().any(|(other, _)| other.name == column.name) {
            return Err(DbError::invalid(format!("column {:?} is given twice", column.name)));
        }
        cells.push((column, column.kind.encode(&column.name, value)?));
    }
    Ok(cells)
}

fn missing(table: &Table, column: &str) -> DbError {
    DbError::new(code::NOT_NULL, format!("column {column:?} of table {:?} is never null", table.name))
}

impl<'a> Write<'a> {
    async fn insert_all(
        &mut self,
        rows: &[Row],
        conflict: Option<&Conflict<'a>>,
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        // all of them are read before the first is written
        let rows = rows.iter().map(|row| cells(self.table, row)).collect::<Result<Vec<_>, _>>()?;
        if conflict.is_none() && self.columns.is_empty() {
            return self.insert_blocks(rows).await;
        }
        let mut written = Vec::new();
        for given in rows {
            self.require_key(&given)?;
            let whole = self.with_id(given.clone());
            written.extend(match conflict {
                Some(conflict) if !self.returns => self.meet(&given, &whole, conflict).await?,
                conflict => self.insert(&given, &whole, conflict).await?,
            });
        }
        Ok(written)
    }

    /// The row with an id, if it has none and needs a text.
    pub(super) fn with_id(&self, mut row: Cells<'a>) -> Cells<'a> {
        let is_id = |column: &&Column| column.name == "id" && column.kind == Kind::Text;
        if let Some(id) = self.table.columns.iter().find(is_id)
            && !row.iter().any(|(column, _)| column.name == "id")
        {
            row.push((id, Cell::Text(Uuid::now_v7().to_string())));
        }
        row
    }

    /// Refuses a row whose key is to be null: to some dialects that is a wish for a new one.
    pub(super) fn require_key(&self, given: &Cells<'a>) -> Result<(), DbError> {
        self.null_key(given).map_or(Ok(()), |column| Err(missing(self.table, &column.name)))
    }

    /// The column of the primary key that is to be null, if there is one.
    fn null_key(&self, given: &Cells<'a>) -> Option<&'a Column> {
        let is_key = |column: &Column| self.table.primary.contains(&column.name);
        let found = given.iter().find(|(column, cell)| *cell == Cell::Null && is_key(column));
        found.map(|(column, _)| *column)
    }

    async fn insert(
        &mut self,
        given: &Cells<'a>,
        whole: &Cells<'a>,
        conflict: Option<&Conflict<'a>>,
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        // where nothing is given, no key is: and SQLite takes no clause there
        let clause = conflict.filter(|_| !whole.is_empty()).map(|conflict| {
            let key = conflict.key.iter().map(|column| Alias::new(&column.name));
            let mut clause = OnConflict::columns(key.clone());
            let is_key = |column: &Column| conflict.key.iter().any(|key| key.name == column.name);
            let changed: Vec<Alias> = given
                .iter()
                .filter(|(column, _)| !is_key(column))
                .map(|(column, _)| Alias::new(&column.name))
                .collect();
            match (conflict.ignore, changed.is_empty()) {
                (true, _) => clause.do_nothing(),
                // the key set to itself: a row that is there is given too
                (false, true) => clause.update_columns(key),
                (false, false) => clause.update_columns(changed),
            };
            clause
        });
        let statement = self.render.insert(std::slice::from_ref(whole), clause, &self.columns)?;
        let done = self.session.run(statement).await?;
        if self.returns || self.columns.is_empty() {
            return Ok(done.rows);
        }
        self.read_back(whole, done.last_id).await
    }

    /// An upsert for a dialect that knows no key to look at: looks first, under a lock.
    async fn meet(
        &mut self,
        given: &Cells<'a>,
        whole: &Cells<'a>,
        conflict: &Conflict<'a>,
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        // the others see to this before they look at keys
        for name in &self.table.not_null {
            let is_null = match whole.iter().find(|(column, _)| column.name == *name) {
                Some((_, cell)) => *cell == Cell::Null,
                None => !self.table.defaults.contains(name),
            };
            if is_null {
                return Err(missing(self.table, name));
            }
        }
        let of_key = |column: &&'a Column| whole.iter().find(|(one, _)| one.name == column.name).cloned();
        let key: Option<Cells<'a>> = conflict.key.iter().map(of_key).collect();
        let Some(key) = key.filter(|key| key.iter().all(|(_, cell)| *cell != Cell::Null)) else {
            return self.insert(given, whole, None).await;
        };
        let found = self.session.run(self.render.by_key(&key, &conflict.key)).await?;
        if found.rows.is_empty() {
            return self.insert(given, whole, None).await;
        }
        if conflict.ignore {
            return Ok(Vec::new());
        }
        self.session.run(self.render.update(given, self.render.key(&key), &[])).await?;
        if self.columns.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.session.run(self.render.by_key(&key, &self.columns)).await?.rows)
    }

    /// The row that was just written, on a dialect that does not give it.
    async fn read_back(&mut self, whole: &Cells<'a>, last: Option<i64>) -> Result<Vec<Vec<Cell>>, DbError> {
        let written = |name: &String| whole.iter().find(|(column, _)| column.name == *name).cloned();
        let mut key: Option<Cells<'a>> = match self.table.primary.as_slice() {
            [] => None,
            names => names.iter().map(written).collect(),
        };
        if let (None, [name], Some(last)) = (&key, self.table.primary.as_slice(), last) {
            key = Some(vec![(self.table.require(name)?, Cell::Integer(last))]);
        }
        // without a key any row of the same values is the same answer
        let value = |column: &'a Column| match whole.iter().find(|(other, _)| other.name == column.name) {
            Some(given) => Some(given.clone()),
            None => (!self.table.defaults.contains(&column.name)).then_some((column, Cell::Null)),
        };
        let key = key.unwrap_or_else(|| self.table.columns.iter().filter_map(value).collect());
        let mut found = self.session.run(self.render.by_key(&key, &self.columns)).await?.rows;
        Ok(found.pop().into_iter().collect())
    }

    async fn update(&mut self, query: &Query, row: &Row) -> Result<Vec<Vec<Cell>>, DbError> {
        let changed = cells(self.table, row)?;
        if changed.is_empty() {
            return Err(DbError::invalid("expected columns to update, found none"));
        }
        let condition = self.render.condition(&query.filters)?;
        if let Some(column) = self.null_key(&changed) {
            let met = self.session.run(self.render.locked(query, &[column])?).await?.rows;
            return if met.is_empty() { Ok(met) } else { Err(missing(self.table, &column.name)) };
        }
        if self.returns || self.columns.is_empty() {
            let statement = self.render.update(&changed, condition, &self.columns);
            return Ok(self.session.run(statement).await?.rows);
        }
        let table = self.table;
        if table.primary.is_empty() {
            return self.update_without_key(query, &changed, condition).await;
        }
        let primary: Vec<&Column> =
            table.primary.iter().map(|name| table.require(name)).collect::<Result<_, _>>()?;
        let keys = self.session.run(self.render.locked(query, &primary)?).await?.rows;
        self.session.run(self.render.update(&changed, condition, &[])).await?;
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            // a key that was changed itself is what it was changed to
            let now = |(column, cell): (&&'a Column, Cell)| {
                changed.iter().find(|(one, _)| one.name == column.name).cloned().unwrap_or((*column, cell))
            };
            let key: Cells<'a> = primary.iter().zip(key).map(now).collect();
            rows.extend(self.session.run(self.render.by_key(&key, &self.columns)).await?.rows);
        }
        Ok(rows)
    }

    /// An update of rows that have no name to be found by afterwards: what they were, with what was changed.
    async fn update_without_key(
        &mut self,
        query: &Query,
        changed: &Cells<'a>,
        condition: Condition,
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        let mut rows = self.session.run(self.render.locked(query, &self.columns)?).await?.rows;
        self.session.run(self.render.update(changed, condition, &[])).await?;
        for row in &mut rows {
            for (column, cell) in self.columns.iter().zip(row) {
                if let Some((_, now)) = changed.iter().find(|(one, _)| one.name == column.name) {
                    cell.clone_from(now);
                }
            }
        }
        Ok(rows)
    }

    async fn delete(&mut self, query: &Query) -> Result<Vec<Vec<Cell>>, DbError> {
        if self.returns || self.columns.is_empty() {
            return Ok(self.session.run(self.render.delete(query, &self.columns)?).await?.rows);
        }
        let rows = self.session.run(self.render.locked(query, &self.columns)?).await?.rows;
        self.session.run(self.render.delete(query, &[])?).await?;
        Ok(rows)
    }
}
