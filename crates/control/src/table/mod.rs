//! What a table is: the one definition of each entity, from which every backend takes its own form.
//!
//! A row is a list of [`Cell`]s in the order of the table's columns. SQL databases bind them, the file backend
//! writes them as JSON, the snapshot on disk keeps them; nothing else knows how a record is stored.

mod cell;
mod define;
mod field;

pub(crate) use self::cell::{Cell, Cells, ColumnType, Row};
pub(crate) use self::define::table;
pub(crate) use self::field::{Field, Scalar, by_name, name};
pub use self::field::{Kept, Word};

use crate::{ControlError, Kind};

/// What happens to a row when the record it points at is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnDelete {
    /// It goes with it.
    Follow,
    /// It points at nothing afterwards.
    Clear,
    /// It keeps the record from being deleted, unless the change says that it may go as well.
    Refuse,
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: ColumnType,
    pub(crate) nullable: bool,
    /// Whether it holds secrets, which are sealed where there is a master key.
    pub(crate) sealed: bool,
    /// The records it points at.
    pub(crate) refers: Option<(Kind, OnDelete)>,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<Column>,
    /// The primary key.
    pub(crate) key: &'static [&'static str],
    /// What else is unique: the natural key.
    pub(crate) unique: &'static [&'static str],
    /// Columns that are searched by, each with an index of its own.
    pub(crate) indexes: &'static [&'static [&'static str]],
}

impl Table {
    /// With what follows from the keys: texts that are searched by are names, since databases index only so
    /// much of a text; and a record's own id points at nothing else.
    pub(crate) fn keyed(mut self) -> Self {
        let listed = [self.key, self.unique];
        for column in &mut self.columns {
            if self.key == [column.name] && column.name == "id" {
                column.refers = None;
            }
            let is_searched = listed.iter().chain(self.indexes).any(|names| names.contains(&column.name));
            if is_searched && column.kind == ColumnType::Text {
                column.kind = ColumnType::Name;
            }
        }
        self
    }

    /// The place of a column in a row.
    ///
    /// # Panics
    ///
    /// If it has none of that name: the code that asks is wrong.
    pub(crate) fn column(&self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.unwrap_or_else(|| unreachable!("{} has no column {name}", self.name))
    }

    /// The primary key of a row.
    pub(crate) fn key_of(&self, row: &[Cell]) -> Row {
        self.pick(self.key, row)
    }

    /// The natural key of a row.
    pub(crate) fn natural_of(&self, row: &[Cell]) -> Row {
        self.pick(self.unique, row)
    }

    fn pick(&self, names: &[&str], row: &[Cell]) -> Row {
        names.iter().map(|name| row[self.column(name)].clone()).collect()
    }
}

/// A type whose values are rows of a table.
pub(crate) trait Entity: Sized {
    /// Its table.
    fn table() -> &'static Table;
    /// As a row.
    fn row(&self) -> Row;
    /// From a row.
    fn read(row: Row) -> Result<Self, ControlError>;
}
