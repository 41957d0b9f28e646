//! One value of a row.

use std::fmt;

use crate::ControlError;

/// Characters of a short text.
pub(crate) const SHORT: usize = 64;
/// Characters of a name.
pub(crate) const NAME: usize = 255;

/// How a column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// 64 bits.
    Integer,
    /// True or false.
    Bool,
    /// One of a few words, a figure or an id as text: at most [`SHORT`] characters.
    Short,
    /// A name, by which rows are told apart and found: at most [`NAME`] characters.
    Name,
    /// A text of any length.
    Text,
    /// Bytes.
    Bytes,
}

impl ColumnType {
    /// How many characters it takes, if that is limited.
    pub(crate) const fn characters(self) -> Option<usize> {
        match self {
            Self::Short => Some(SHORT),
            Self::Name => Some(NAME),
            Self::Integer | Self::Bool | Self::Text | Self::Bytes => None,
        }
    }
}

/// One value. Its `Debug` shows no text, since secrets are texts here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of the table's columns.
pub(crate) type Row = Vec<Cell>;

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Integer(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Text(text) => write!(f, "text of {} bytes", text.len()),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The cells of a row that are not read yet.
pub(crate) struct Cells {
    table: &'static str,
    left: std::vec::IntoIter<Cell>,
}

impl Cells {
    pub(crate) fn new(table: &'static str, row: Row) -> Self {
        Self { table, left: row.into_iter() }
    }

    /// The next one. A row has as many cells as its table has columns.
    pub(crate) fn next(&mut self) -> Cell {
        self.left.next().unwrap_or(Cell::Null)
    }

    /// What is said of a value that cannot be read; its text may be a secret, and is not shown.
    pub(crate) fn corrupt(&self, column: &str, found: &Cell) -> ControlError {
        ControlError::Corrupt { what: format!("{}.{column}", self.table), value: format!("{found:?}") }
    }
}
