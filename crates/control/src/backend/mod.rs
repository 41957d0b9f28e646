//! What a backend has to be able to do: read rows of tables as of one moment, and write rows together or not
//! at all, on the condition that nobody else wrote meanwhile.
//!
//! Everything else (what refers to what, what a settlement adds, which version is newest) stands once, in
//! [`store`](crate::store), over this. A condition instead of a transaction held open is what a database
//! behind HTTP can do as well as one behind a socket or a folder of files.

use std::fmt::Debug;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::ControlError;
use crate::table::{Cell, Row, Table};

/// A condition of rows.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// The column has one of these values.
    In(&'static str, Vec<Cell>),
    /// It has this value or a larger one.
    AtLeast(&'static str, Cell),
    /// It has a smaller value.
    Below(&'static str, Cell),
    /// It has a larger value.
    Above(&'static str, Cell),
    /// Its record has changed since that version, as the table of changes says.
    ChangedSince(&'static str, i64),
}

impl Filter {
    /// The column has this value.
    pub(crate) fn equals(column: &'static str, value: impl Into<Cell>) -> Self {
        Self::In(column, vec![value.into()])
    }
}

/// Rows of a table, in the order of its primary key.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) table: &'static Table,
    /// All of them hold.
    pub(crate) filters: Vec<Filter>,
    pub(crate) descending: bool,
    pub(crate) limit: Option<u64>,
}

impl Select {
    /// All rows.
    pub(crate) fn all(table: &'static Table) -> Self {
        Self { table, filters: Vec::new(), descending: false, limit: None }
    }

    /// Those for which this holds as well.
    #[must_use]
    pub(crate) fn only(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// The last ones first.
    #[must_use]
    pub(crate) fn descending(self) -> Self {
        Self { descending: true, ..self }
    }

    /// So many at most.
    #[must_use]
    pub(crate) fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// A change of rows.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// Rows that are not there yet.
    Insert(&'static Table, Vec<Row>),
    /// A row in place of the one with its primary key; the whole write fails if that is not there.
    Update(&'static Table, Row),
    /// Rows, each in place of the one with its primary key, if there is one. Only for tables that have no other
    /// unique key.
    Put(&'static Table, Vec<Row>),
    /// The rows for which all of that holds.
    Delete(&'static Table, Vec<Filter>),
}

impl Write {
    /// The table of which it has to change a row.
    pub(crate) const fn changes(&self) -> Option<&'static Table> {
        match self {
            Self::Update(table, _) => Some(*table),
            Self::Insert(..) | Self::Put(..) | Self::Delete(..) => None,
        }
    }
}

/// A counter that must not have moved since it was read, and moves with the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) name: &'static str,
    pub(crate) expected: i64,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// All of it is there.
    Done,
    /// Nothing is: someone else wrote first.
    Moved,
}

/// See the module.
#[async_trait]
pub(crate) trait Backend: Debug + Send + Sync + 'static {
    /// Makes the place and its tables where they are missing, or refuses one that is another's. What is asked of a
    /// place that was never prepared prepares it first.
    async fn prepare(&self) -> Result<(), ControlError>;

    /// Whether the place is there, with the tables of this binary; nothing is made.
    async fn is_there(&self) -> Result<bool, ControlError>;

    /// The rows of each selection, all as of one moment.
    async fn read(&self, selections: &[Select]) -> Result<Vec<Vec<Row>>, ControlError>;

    /// All of the writes, in their order, or none; none if the guard has moved.
    async fn write(&self, guard: Option<Guard>, writes: Vec<Write>) -> Result<Written, ControlError>;

    /// A hint whenever another node has written records. Hints may get lost; there may be none at all.
    fn hints(&self) -> BoxStream<'static, ()> {
        Box::pin(futures_util::stream::pending())
    }

    /// How many bytes its tables have, about, without what is free in its files.
    async fn size(&self) -> Result<u64, ControlError>;

    /// Makes what was overwritten or deleted in these tables unreadable in the files of the database.
    async fn scrub(&self, tables: &[&'static Table]) -> Result<(), ControlError>;

    /// Gives back what was deleted from these tables, where the database does not use that room again by itself and
    /// nothing else has to wait for it.
    async fn compact(&self, tables: &[&'static Table]) -> Result<(), ControlError> {
        self.scrub(tables).await
    }

    /// Flushes and closes.
    async fn close(&self) -> Result<(), ControlError>;
}
