//! How a chain starts: with a table, and with what to do to it.

use serde_json::Value;

use super::chain::Chain;
use super::{Action, Cardinality, DbError, Query, identifier};
use crate::db::{Database, Row};

/// The start of a chain.
#[derive(Clone, Copy, Debug)]
pub struct TableQuery<'a> {
    database: &'a dyn Database,
    table: &'a str,
    exact: bool,
}

/// What to count, and whether to give rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Select {
    /// Count the rows that the filters let through.
    pub count: bool,
    /// Give none of them.
    pub head: bool,
}

/// How an upsert meets what is there.
#[derive(Clone, Debug, Default)]
pub struct Upsert {
    /// The columns of the key, with commas; the primary key if absent.
    pub on_conflict: Option<String>,
    /// Leave what is there as it is.
    pub ignore_duplicates: bool,
}

impl<'a> TableQuery<'a> {
    /// A chain on `table`.
    pub const fn on(database: &'a dyn Database, table: &'a str) -> Self {
        Self { database, table, exact: true }
    }

    /// The same table, in which a search of the nearest rows may be answered by an index, and miss a few of
    /// them, unless the search itself says `exact`.
    #[must_use]
    pub const fn approximate(self) -> Self {
        Self { exact: false, ..self }
    }

    fn chain(self, action: Action) -> Chain<'a> {
        let failed = identifier(self.table).err();
        let query = Query {
            table: self.table.to_owned(),
            action,
            returning: None,
            filters: Vec::new(),
            every_row: false,
            order: Vec::new(),
            offset: 0,
            limit: None,
            cardinality: Cardinality::Many,
            count: false,
            head: false,
        };
        Chain { database: self.database, query, failed, exact: self.exact }
    }

    /// Reads `columns`.
    pub fn select(self, columns: &str) -> Chain<'a> {
        self.chain(Action::Select).select(columns)
    }

    /// Reads `columns`, or counts.
    pub fn select_with(self, columns: &str, select: Select) -> Chain<'a> {
        let mut chain = self.select(columns);
        chain.query.count = select.count;
        chain.query.head = select.head;
        chain
    }

    /// Writes a row, or an array of rows.
    pub fn insert(self, rows: Value) -> Chain<'a> {
        let (rows, failed) = to_rows(rows);
        self.chain(Action::Insert(rows)).failing(failed)
    }

    /// Writes rows, or changes those that are there.
    pub fn upsert(self, rows: Value, upsert: Upsert) -> Chain<'a> {
        let (rows, failed) = to_rows(rows);
        let names = upsert.on_conflict.unwrap_or_default();
        let on_conflict: Vec<String> =
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let wrong = on_conflict.iter().find_map(|name| identifier(name).err());
        let ignore_duplicates = upsert.ignore_duplicates;
        self.chain(Action::Upsert { rows, on_conflict, ignore_duplicates }).failing(failed).failing(wrong)
    }

    /// Changes the rows that the filters let through.
    pub fn update(self, values: Value) -> Chain<'a> {
        match values {
            Value::Object(row) => {
                let failed = row.keys().find_map(|name| identifier(name).err());
                self.chain(Action::Update(row)).failing(failed)
            }
            _ => self
                .chain(Action::Update(Row::new()))
                .failing(Some(DbError::invalid("expected an object of columns to update"))),
        }
    }

    /// Removes the rows that the filters let through.
    pub fn delete(self) -> Chain<'a> {
        self.chain(Action::Delete)
    }
}

fn to_rows(rows: Value) -> (Vec<Row>, Option<DbError>) {
    let rows = if let Value::Array(rows) = rows { rows } else { vec![rows] };
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let Value::Object(row) = row else {
            return (Vec::new(), Some(DbError::invalid("expected a row, or an array of rows, of columns")));
        };
        if let Some(error) = row.keys().find_map(|name| identifier(name).err()) {
            return (Vec::new(), Some(error));
        }
        all.push(row);
    }
    (all, None)
}
