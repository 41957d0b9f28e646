//! Where the dialects differ.

use sea_query::{MysqlQueryBuilder, PostgresQueryBuilder, SqliteQueryBuilder, Value as SeaValue, Values};

use super::{Cell, Kind, Statement, like};
use crate::db::query::Operator;

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite and libSQL.
    Sqlite,
    /// PostgreSQL; with pgvector or without.
    Postgres {
        /// Whether it has a type for vectors.
        vectors: bool,
    },
    /// MySQL and `MariaDB`.
    Mysql {
        /// Whether it is `MariaDB`.
        maria: bool,
    },
}

impl Dialect {
    /// A name in the quotes of the dialect; names have no quotes in them.
    pub fn quote(self, name: &str) -> String {
        match self {
            Self::Mysql { .. } => format!("`{name}`"),
            _ => format!("\"{name}\""),
        }
    }

    /// The placeholder of a custom expression with one value.
    pub(super) const fn hole(self) -> &'static str {
        if matches!(self, Self::Postgres { .. }) { "$1" } else { "?" }
    }

    /// The collation that compares by bytes.
    pub const fn binary_collation(self) -> &'static str {
        match self {
            Self::Sqlite => "BINARY",
            Self::Postgres { .. } => "\"C\"",
            // the ones that do not ignore spaces at the end
            Self::Mysql { maria: true } => "utf8mb4_nopad_bin",
            Self::Mysql { maria: false } => "utf8mb4_0900_bin",
        }
    }

    /// What an expression of this kind is as a text.
    pub(super) fn as_text(self, kind: Kind, expression: &str) -> String {
        match (self, kind) {
            (Self::Mysql { .. }, _) => {
                format!("CAST({expression} AS CHAR) COLLATE {}", self.binary_collation())
            }
            (Self::Postgres { .. }, Kind::Timestamp) => {
                format!("to_char({expression}, 'YYYY-MM-DD HH24:MI:SS') COLLATE \"C\"")
            }
            (Self::Postgres { .. }, _) => format!("CAST({expression} AS TEXT) COLLATE \"C\""),
            (Self::Sqlite, _) => format!("CAST({expression} AS TEXT)"),
        }
    }

    /// The operator and the pattern for `like` and `ilike`.
    pub(super) fn pattern(self, operator: Operator, pattern: &str) -> (&'static str, String) {
        let fold = operator == Operator::Ilike;
        match self {
            Self::Sqlite => ("GLOB", like::glob(pattern, fold)),
            Self::Postgres { .. } => ("~", like::regex(pattern, fold, "^(?:", ")$")),
            Self::Mysql { .. } => ("REGEXP", like::regex(pattern, fold, "(?s)^(?:", ")\\z")),
        }
    }

    /// A parameter of a filter that is not of the column's own type.
    pub(super) const fn typed_hole(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Postgres { .. }, Kind::Real) => "CAST($1 AS DOUBLE PRECISION)",
            (Self::Postgres { .. }, Kind::Text) => "CAST($1 AS TEXT)",
            _ => self.hole(),
        }
    }

    /// A parameter that a column of this kind is equal to.
    pub(super) const fn document_hole(self, kind: Kind) -> &'static str {
        match (self, kind) {
            // a text would be a document that is a text
            (Self::Mysql { maria: false }, Kind::Json) => "CAST(? AS JSON)",
            _ => self.hole(),
        }
    }

    /// Whether a write can give what it wrote.
    pub(super) const fn returns(self) -> bool {
        !matches!(self, Self::Mysql { .. })
    }

    /// Whether a statement that defines something is kept whatever becomes of its transaction.
    pub(super) const fn keeps_definitions(self) -> bool {
        matches!(self, Self::Mysql { .. })
    }

    /// How the dialect takes a cell as a parameter.
    pub(super) fn parameter(self, kind: Kind, cell: Cell) -> Cell {
        match (self, kind, cell) {
            // as numbers, not as text: a scan reads them forty times as fast
            (Self::Sqlite, Kind::Vector(_), Cell::Text(text)) => match Cell::Text(text.clone()).as_vector() {
                Some(numbers) => {
                    Cell::Bytes(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
                }
                None => Cell::Text(text),
            },
            (Self::Sqlite | Self::Mysql { .. }, _, Cell::Bool(value)) => Cell::Integer(i64::from(value)),
            (_, _, cell) => cell,
        }
    }

    /// The statement that a builder renders.
    pub(super) fn build(self, statement: &impl sea_query::QueryStatementWriter) -> Statement {
        let (sql, Values(values)) = match self {
            Self::Sqlite => statement.build(SqliteQueryBuilder),
            Self::Postgres { .. } => statement.build(PostgresQueryBuilder),
            Self::Mysql { .. } => statement.build(MysqlQueryBuilder),
        };
        Statement { sql, parameters: values.into_iter().map(to_cell).collect() }
    }
}

/// As the builder carries it.
pub(super) fn to_value(cell: Cell) -> SeaValue {
    match cell {
        Cell::Null => SeaValue::String(None),
        Cell::Bool(value) => SeaValue::Bool(Some(value)),
        Cell::Integer(value) => SeaValue::BigInt(Some(value)),
        Cell::Real(value) => SeaValue::Double(Some(value)),
        Cell::Text(text) => SeaValue::String(Some(text)),
        Cell::Bytes(bytes) => SeaValue::Bytes(Some(bytes)),
    }
}

fn to_cell(value: SeaValue) -> Cell {
    match value {
        SeaValue::Bool(Some(value)) => Cell::Bool(value),
        SeaValue::BigInt(Some(value)) => Cell::Integer(value),
        SeaValue::BigUnsigned(Some(value)) => Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX)),
        SeaValue::Double(Some(value)) => Cell::Real(value),
        SeaValue::String(Some(text)) => Cell::Text(text),
        SeaValue::Bytes(Some(bytes)) => Cell::Bytes(bytes),
        _ => Cell::Null,
    }
}
