//! A query as data, and the chain that builds one.

mod chain;
mod outcome;
mod parse;
mod start;
mod steps;

use serde_json::Value;

use super::{DbError, Row};

pub use chain::{Chain, NearestOptions, Order};
pub use outcome::Outcome;
pub use start::{Select, TableQuery, Upsert};
pub use steps::Steps;

/// What to do with which rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The table.
    pub table: String,
    /// What to do.
    pub action: Action,
    /// The columns to give; `None` after a write that gives none.
    pub returning: Option<Vec<Selected>>,
    /// Which rows: those for which all of them hold.
    pub filters: Vec<Filter>,
    /// Whether every row is meant where there is no filter.
    pub every_row: bool,
    /// By what they are sorted.
    pub order: Vec<Sort>,
    /// The first row to give.
    pub offset: u64,
    /// How many at most.
    pub limit: Option<u64>,
    /// How many there must be.
    pub cardinality: Cardinality,
    /// Whether to count all rows that the filters let through.
    pub count: bool,
    /// Whether only the count is wanted.
    pub head: bool,
}

/// What a query does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Reads.
    Select,
    /// Writes new rows.
    Insert(Vec<Row>),
    /// Writes new rows, or changes those that have the same key.
    Upsert {
        /// The rows.
        rows: Vec<Row>,
        /// The columns of the key; the primary key if there are none.
        on_conflict: Vec<String>,
        /// Whether a row that is there stays as it is.
        ignore_duplicates: bool,
    },
    /// Changes rows.
    Update(Row),
    /// Removes rows.
    Delete,
}

/// A column of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// Every column of the table.
    All,
    /// One column.
    Column {
        /// Its name.
        name: String,
        /// The name it has in the answer.
        alias: String,
    },
}

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// A column compared with a value.
    Compare {
        /// The column.
        column: String,
        /// How.
        operator: Operator,
        /// With what.
        value: Value,
    },
    /// The condition does not hold.
    Not(Box<Filter>),
    /// All hold.
    All(Vec<Filter>),
    /// At least one holds.
    Any(Vec<Filter>),
}

impl Filter {
    /// Every column that it names.
    pub(crate) fn columns<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Compare { column, .. } => found.push(column),
            Self::Not(inner) => inner.columns(found),
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|filter| filter.columns(found)),
        }
    }
}

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal; null is equal to nothing.
    Eq,
    /// Not equal.
    Neq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Matches a pattern of `%` and `_`, by case.
    Like,
    /// The same, whatever the case.
    Ilike,
    /// Is null, true or false.
    Is,
    /// Equal to one of a list.
    In,
    /// A JSON document that contains this one.
    Contains,
}

impl Operator {
    /// The operator with that name.
    pub fn parse(name: &str) -> Result<Self, DbError> {
        Ok(match name {
            "eq" => Self::Eq,
            "neq" => Self::Neq,
            "gt" => Self::Gt,
            "gte" => Self::Gte,
            "lt" => Self::Lt,
            "lte" => Self::Lte,
            "like" => Self::Like,
            "ilike" => Self::Ilike,
            "is" => Self::Is,
            "in" => Self::In,
            "contains" | "cs" => Self::Contains,
            _ => {
                return Err(DbError::invalid(format!(
                    "expected an operator such as eq, in or like, found {name:?}"
                )));
            }
        })
    }
}

/// One column to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column.
    pub column: String,
    /// From the greatest on.
    pub descending: bool,
    /// Whether nulls come first.
    pub nulls_first: bool,
}

/// How many rows there must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// Any number.
    Many,
    /// Exactly one.
    One,
    /// One or none.
    OneOrNone,
}

/// What came of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The rows; none after a write that gives none.
    pub rows: Vec<Row>,
    /// How many rows the filters let through, if that was asked.
    pub count: Option<u64>,
}

/// The longest identifier.
const LONGEST_NAME: usize = 63;

/// A name of a table or a column, if it may be one.
pub(crate) fn identifier(name: &str) -> Result<&str, DbError> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let so = name.len() <= LONGEST_NAME
        && name.starts_with(first)
        && name.chars().all(|c| first(c) || c.is_ascii_digit());
    if so {
        return Ok(name);
    }
    Err(DbError::invalid(format!(
        "expected a name of up to {LONGEST_NAME} letters, digits and underscores, found {name:?}"
    )))
}
