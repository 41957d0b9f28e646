//! Reads `[[kind]]` rows out of a TOML text one by one, so that a fault can name its row.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::TableError;

/// A row and the name that messages call it by.
pub(crate) struct Named<T> {
    pub(crate) label: String,
    pub(crate) row: T,
}

/// Takes the `[[kind]]` rows out of `table`; what is left in it is for the caller to judge.
///
/// A row is called by the values of its `name_fields`, joined with a slash, and by its position
/// (from 1) when it has none of them.
pub(crate) fn take_rows<T: DeserializeOwned>(
    table: &mut Table,
    kind: &str,
    name_fields: &[&str],
) -> Result<Vec<Named<T>>, TableError> {
    let values = match table.remove(kind) {
        None => Vec::new(),
        Some(Value::Array(values)) => values,
        Some(other) => {
            let found = other.type_str();
            return Err(TableError::Top(format!("expected `[[{kind}]]` rows, found {found}")));
        }
    };
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            let label = label(&value, kind, name_fields, index);
            match value.try_into() {
                Ok(row) => Ok(Named { label, row }),
                Err(error) => Err(TableError::Row {
                    row: label,
                    problem: error.to_string().trim_end().replace('\n', " "),
                }),
            }
        })
        .collect()
}

/// Refuses whatever a file has at its top beside what was taken from it.
pub(crate) fn refuse_rest(table: &Table, expected: &str) -> Result<(), TableError> {
    match table.keys().next() {
        None => Ok(()),
        Some(key) => Err(TableError::Top(format!("unknown field `{key}`, expected {expected}"))),
    }
}

fn label(value: &Value, kind: &str, name_fields: &[&str], index: usize) -> String {
    let names: Vec<&str> = name_fields.iter().filter_map(|field| value.get(field)?.as_str()).collect();
    if names.is_empty() { format!("{kind} row {}", index + 1) } else { format!("{kind} {}", names.join("/")) }
}
