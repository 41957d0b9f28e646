//! Values between the statements, Hrana and rows.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sea_orm::Statement;
use sea_orm::sea_query;

use super::wire::{Stmt, Value, ValueKind};
use crate::table::{Cell, ColumnType, Row, Table};

impl From<Statement> for Stmt {
    fn from(statement: Statement) -> Self {
        let values = statement.values.map(|values| values.0).unwrap_or_default();
        Self { sql: statement.sql, args: values.into_iter().map(argument).collect() }
    }
}

impl From<&str> for Stmt {
    fn from(sql: &str) -> Self {
        Self { sql: sql.to_owned(), args: Vec::new() }
    }
}

fn argument(value: sea_query::Value) -> Value {
    let bound = match value {
        sea_query::Value::Bool(truth) => truth.map(|truth| integer(truth.into())),
        sea_query::Value::Int(number) => number.map(|number| integer(number.into())),
        sea_query::Value::BigInt(number) => number.map(integer),
        // a limit
        sea_query::Value::BigUnsigned(number) => {
            number.map(|number| integer(i64::try_from(number).unwrap_or(i64::MAX)))
        }
        sea_query::Value::String(text) => text.map(|text| scalar(ValueKind::Text, text)),
        sea_query::Value::Bytes(bytes) => bytes.map(|bytes| Value {
            kind: ValueKind::Blob,
            text: None,
            base64: Some(STANDARD.encode(bytes)),
        }),
        other => unreachable!("no cell becomes a {other:?}"),
    };
    bound.unwrap_or(Value { kind: ValueKind::Null, text: None, base64: None })
}

fn integer(number: i64) -> Value {
    scalar(ValueKind::Integer, number.to_string())
}

fn scalar(kind: ValueKind, text: String) -> Value {
    Value { kind, text: Some(text), base64: None }
}

/// A row that was selected with all columns of its table, in their order; `None` if it is no such row.
pub(super) fn row(table: &Table, values: Vec<Value>) -> Option<Row> {
    if values.len() != table.columns.len() {
        return None;
    }
    table.columns.iter().zip(values).map(|(column, value)| cell(column.kind, value)).collect()
}

pub(super) fn cell(column: ColumnType, value: Value) -> Option<Cell> {
    Some(match (value.kind, column) {
        (ValueKind::Null, _) => Cell::Null,
        (ValueKind::Integer, ColumnType::Bool) => Cell::Bool(number(&value)? != 0),
        (ValueKind::Integer, ColumnType::Integer) => Cell::Integer(number(&value)?),
        (ValueKind::Text, ColumnType::Short | ColumnType::Name | ColumnType::Text) => {
            Cell::Text(text(value)?)
        }
        (ValueKind::Blob, ColumnType::Bytes) => {
            // servers differ in whether they pad
            let encoded = value.base64?;
            Cell::Bytes(STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?)
        }
        _ => return None,
    })
}

fn number(value: &Value) -> Option<i64> {
    value.text.as_ref()?.parse().ok()
}

/// The text of a value that is one.
pub(super) fn text(value: Value) -> Option<String> {
    value.text.filter(|_| value.kind == ValueKind::Text)
}
