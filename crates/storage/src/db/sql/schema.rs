//! What a database knows of a table.

use crate::db::query::{Action, Query, Selected};
use crate::db::value::{Cell, Kind};
use crate::db::{DbError, Row, code};

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name, as the database spells it.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The columns of the primary key; none if there is none.
    pub primary: Vec<String>,
    /// The columns of every unique key.
    pub unique: Vec<Vec<String>>,
    /// The columns that are never null, where the dialect does not check that before it looks at keys.
    pub not_null: Vec<String>,
    /// The columns with a value of their own where none is given, where rows have to be found by values.
    pub defaults: Vec<String>,
    /// The columns of vectors whose type the database itself knows, and can compare.
    pub vectors: Vec<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, as the database spells it.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether its texts are compared by something else than their bytes.
    pub collated: bool,
}

impl Table {
    /// The column with that name, exactly or but for its case.
    pub fn get(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
    }

    /// The column with that name.
    pub fn require(&self, name: &str) -> Result<&Column, DbError> {
        self.get(name).ok_or_else(|| {
            DbError::new(code::NO_COLUMN, format!("no column {name:?} in table {:?}", self.name))
        })
    }

    /// Takes the unique keys from their columns, which stand together: the key's name and the column.
    pub fn add_unique<K: PartialEq>(&mut self, columns: impl IntoIterator<Item = (K, String)>) {
        let mut last = None;
        for (key, column) in columns {
            match self.unique.last_mut() {
                Some(unique) if last.as_ref() == Some(&key) => unique.push(column),
                _ => self.unique.push(vec![column]),
            }
            last = Some(key);
        }
    }

    pub(super) fn require_all<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), DbError> {
        names.into_iter().try_for_each(|name| self.require(name).map(drop))
    }

    /// What tells rows apart, and decides ties: `id`, else a primary key of one column.
    pub(super) fn identity(&self) -> Option<&Column> {
        let primary = || if let [name] = self.primary.as_slice() { self.get(name) } else { None };
        self.columns.iter().find(|column| column.name == "id").or_else(primary)
    }

    /// The columns of an answer, with the names they have there; all of them if none is named.
    pub(super) fn selected(&self, selected: &[Selected]) -> Result<Vec<(&Column, String)>, DbError> {
        let all: &[Selected] = if selected.is_empty() { &[Selected::All] } else { selected };
        let mut columns = Vec::new();
        for one in all {
            match one {
                Selected::All => {
                    columns.extend(self.columns.iter().map(|column| (column, column.name.clone())));
                }
                Selected::Column { name, alias } => columns.push((self.require(name)?, alias.clone())),
            }
        }
        Ok(columns)
    }

    /// The rows as JSON.
    pub(super) fn rows(selected: &[(&Column, String)], rows: Vec<Vec<Cell>>) -> Vec<Row> {
        let named = |cells: Vec<Cell>| {
            let pairs = selected.iter().zip(cells);
            pairs.map(|((column, alias), cell)| (alias.clone(), column.kind.decode(cell))).collect()
        };
        rows.into_iter().map(named).collect()
    }
}

/// Every column that a query names.
pub(super) fn named(query: &Query) -> Vec<&str> {
    let mut names = Vec::new();
    query.filters.iter().for_each(|filter| filter.columns(&mut names));
    names.extend(query.order.iter().map(|sort| sort.column.as_str()));
    for selected in query.returning.iter().flatten() {
        if let Selected::Column { name, .. } = selected {
            names.push(name);
        }
    }
    let rows: &[Row] = match &query.action {
        Action::Insert(rows) => rows,
        Action::Upsert { rows, on_conflict, .. } => {
            names.extend(on_conflict.iter().map(String::as_str));
            rows
        }
        Action::Update(row) => std::slice::from_ref(row),
        Action::Select | Action::Delete => &[],
    };
    names.extend(rows.iter().flat_map(|row| row.keys().map(String::as_str)));
    names
}
