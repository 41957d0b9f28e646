//! The conditions on a row, in the three values of SQL: `None` is unknown.

use std::cmp::Ordering;

use penstock_storage::db::query::{Filter, Operator};
use penstock_storage::db::{DbError, code};
use serde_json::Value;

use super::contain::contains;
use super::pattern::matches;
use super::table::Table;
use super::value::{Kind, Stored, has_nul, number, stored};

/// What tells of a row whether a condition holds.
pub(super) type Test = Box<dyn Fn(&[Stored]) -> Option<bool>>;

fn unfit() -> DbError {
    DbError::new(code::BAD_VALUE, "the value does not fit")
}

impl Table {
    /// The rows for which all of the filters hold.
    pub(super) fn matching(&self, filters: &[Filter]) -> Result<Vec<usize>, DbError> {
        let test = self.all(filters)?;
        Ok((0..self.rows.len()).filter(|at| test(&self.rows[*at]) == Some(true)).collect())
    }

    fn all(&self, filters: &[Filter]) -> Result<Test, DbError> {
        let tests = filters.iter().map(|filter| self.test(filter)).collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(move |row| tests.iter().map(|test| test(row)).fold(Some(true), and)))
    }

    fn test(&self, filter: &Filter) -> Result<Test, DbError> {
        Ok(match filter {
            Filter::Compare { column, operator, value } => {
                let place = self.require(column)?;
                let test = compare(self.columns[place].kind, *operator, value)?;
                Box::new(move |row| test(&row[place]))
            }
            Filter::Not(inner) => {
                let test = self.test(inner)?;
                Box::new(move |row| test(row).map(|so| !so))
            }
            Filter::All(inner) => self.all(inner)?,
            Filter::Any(inner) => {
                let tests = inner.iter().map(|filter| self.test(filter)).collect::<Result<Vec<_>, _>>()?;
                Box::new(move |row| tests.iter().map(|test| test(row)).fold(Some(false), or))
            }
        })
    }
}

fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    and(one.map(|so| !so), other.map(|so| !so)).map(|so| !so)
}

type OfOne = Box<dyn Fn(&Stored) -> Option<bool>>;

fn compare(kind: Kind, operator: Operator, value: &Value) -> Result<OfOne, DbError> {
    Ok(match operator {
        Operator::Eq => ordered(kind, value, Ordering::is_eq)?,
        Operator::Neq => ordered(kind, value, Ordering::is_ne)?,
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte if kind == Kind::Json => {
            return Err(DbError::invalid("JSON has no order"));
        }
        Operator::Gt => ordered(kind, value, Ordering::is_gt)?,
        Operator::Gte => ordered(kind, value, Ordering::is_ge)?,
        Operator::Lt => ordered(kind, value, Ordering::is_lt)?,
        Operator::Lte => ordered(kind, value, Ordering::is_le)?,
        Operator::Like => like(kind, value, false)?,
        Operator::Ilike => like(kind, value, true)?,
        Operator::Is => is(kind, value)?,
        Operator::In => {
            let values = value.as_array().ok_or_else(unfit)?;
            let tests = values.iter().map(|value| ordered(kind, value, Ordering::is_eq));
            let tests = tests.collect::<Result<Vec<_>, _>>()?;
            Box::new(move |found| tests.iter().map(|test| test(found)).fold(Some(false), or))
        }
        Operator::Contains => containing(kind, value)?,
    })
}

fn ordered(kind: Kind, value: &Value, is_so: fn(Ordering) -> bool) -> Result<OfOne, DbError> {
    let half = number(value).filter(|number| kind == Kind::Integer && number.fract() != 0.0);
    let value = match half {
        Some(half) => Stored::Real(half),
        None => stored(kind, value).ok_or_else(unfit)?,
    };
    Ok(Box::new(move |found| found.compare(&value).map(is_so)))
}

fn like(kind: Kind, value: &Value, ignores_case: bool) -> Result<OfOne, DbError> {
    let pattern = match value {
        Value::Null => None,
        Value::String(pattern) if !pattern.contains('\0') => Some(pattern.clone()),
        _ => return Err(unfit()),
    };
    if !matches!(kind, Kind::Text | Kind::Integer) {
        return Err(unfit());
    }
    Ok(Box::new(move |found| {
        let text = match found {
            Stored::Text(text) => text.clone(),
            Stored::Integer(whole) => whole.to_string(),
            _ => return None,
        };
        pattern.as_ref().map(|pattern| matches(&text, pattern, ignores_case))
    }))
}

fn is(kind: Kind, value: &Value) -> Result<OfOne, DbError> {
    let wanted = match value {
        Value::Null => None,
        Value::Bool(value) if matches!(kind, Kind::Boolean | Kind::Integer) => Some(*value),
        _ => return Err(unfit()),
    };
    Ok(Box::new(move |found| {
        let found = match found {
            Stored::Null => None,
            Stored::Integer(whole) => Some(*whole != 0),
            Stored::Boolean(value) => Some(*value),
            _ => Some(true),
        };
        Some(if wanted.is_none() { found.is_none() } else { found == wanted })
    }))
}

fn containing(kind: Kind, value: &Value) -> Result<OfOne, DbError> {
    if !matches!(kind, Kind::Json | Kind::Text) || has_nul(value) {
        return Err(unfit());
    }
    let value = value.clone();
    Ok(Box::new(move |found| match found {
        Stored::Json(document) => Some(contains(document, &value)),
        // a text that is no JSON contains nothing, and none with a null character can be read
        Stored::Text(text) if text.contains("\\u0000") => Some(false),
        Stored::Text(text) => {
            Some(serde_json::from_str(text).is_ok_and(|document: Value| contains(&document, &value)))
        }
        _ => None,
    }))
}
