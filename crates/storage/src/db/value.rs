//! How JSON values and the values of columns turn into each other: by the type of the column.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Number, Value};

use super::{DbError, code};

/// Whole numbers beyond this are not exact in JavaScript, and so come as texts.
const EXACT: u64 = 1 << 53;

/// A value as drivers carry it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// None.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text, and whatever a dialect takes as text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A number of 64 bits.
    Real,
    /// A decimal number.
    Decimal,
    /// True or false.
    Boolean,
    /// A JSON document.
    Json,
    /// Bytes; base64 in JSON.
    Blob,
    /// So many numbers of 32 bits; any number of them if it does not say.
    Vector(Option<usize>),
    /// A point in time, UTC.
    Timestamp,
    /// Whatever else: a text for us.
    Other,
}

impl Kind {
    /// By the name of a type, as any dialect spells it.
    pub fn of(declared: &str) -> Self {
        let name = declared.to_ascii_lowercase();
        let has = |part: &str| name.contains(part);
        if name.starts_with("vector") || name.starts_with("f32_blob") {
            let width = name.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            return Self::Vector(width.and_then(|(width, _)| width.trim().parse().ok()));
        }
        if has("bool") || name == "tinyint(1)" {
            Self::Boolean
        } else if has("json") {
            Self::Json
        } else if has("timestamp") || has("datetime") {
            Self::Timestamp
        } else if has("int") && !has("interval") && !has("point") || has("serial") {
            Self::Integer
        } else if has("char") || has("clob") || has("text") {
            Self::Text
        } else if has("blob") || has("bytea") || has("binary") {
            Self::Blob
        } else if has("real") || has("floa") || has("doub") {
            Self::Real
        } else if has("numeric") || has("decimal") {
            Self::Decimal
        } else {
            Self::Other
        }
    }

    /// What `value` is in a column of this kind.
    pub fn encode(self, column: &str, value: &Value) -> Result<Cell, DbError> {
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let cell = match self {
            Self::Text | Self::Other => Some(Cell::Text(text_of(value))),
            Self::Json if has_nul(value) => Some(Cell::Text("\0".to_owned())),
            Self::Json => Some(Cell::Text(value.to_string())),
            Self::Integer => integer(value).map(Cell::Integer),
            Self::Real => number(value).map(Cell::Real),
            Self::Decimal => number(value).map(|_| Cell::Text(text_of(value))),
            Self::Boolean => boolean(value).map(Cell::Bool),
            Self::Timestamp => value.as_str().and_then(timestamp).map(Cell::Text),
            Self::Blob => value.as_str().and_then(|text| BASE64.decode(text).ok()).map(Cell::Bytes),
            Self::Vector(width) => return vector(column, value, width),
        };
        match cell {
            Some(Cell::Text(text)) if text.contains('\0') => Err(DbError::new(
                code::BAD_VALUE,
                format!("column {column:?} cannot hold a text with a null character"),
            )),
            Some(cell) => Ok(cell),
            None => Err(DbError::new(
                code::BAD_VALUE,
                format!("column {column:?} expects {}, found {}", self.noun(), shape(value)),
            )),
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Text | Self::Other => "a text",
            Self::Integer => "a whole number of 64 bits",
            Self::Real | Self::Decimal => "a number",
            Self::Boolean => "true or false",
            Self::Json => "JSON",
            Self::Blob => "bytes in base64",
            Self::Vector(_) => "an array of numbers",
            Self::Timestamp => "a time such as 2026-01-31T12:00:00Z",
        }
    }

    /// The JSON for what a column of this kind holds.
    pub fn decode(self, cell: Cell) -> Value {
        match (cell, self) {
            (Cell::Null, _) => Value::Null,
            (Cell::Bool(value), _) => Value::Bool(value),
            (Cell::Integer(value), Self::Boolean) => Value::Bool(value != 0),
            (Cell::Integer(value), Self::Json) => value.into(),
            (Cell::Integer(value), _) if value.unsigned_abs() <= EXACT => value.into(),
            (Cell::Integer(value), _) => Value::String(value.to_string()),
            (Cell::Real(value), _) => real(value),
            (Cell::Text(text), Self::Json) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            (Cell::Text(text), Self::Decimal) => decimal(text),
            (Cell::Text(text), Self::Vector(_)) => match numbers(&text) {
                Some(numbers) => floats(numbers),
                None => Value::String(text),
            },
            (Cell::Text(text), Self::Timestamp) => Value::String(timestamp(&text).unwrap_or(text)),
            (Cell::Text(text), _) => Value::String(text),
            (Cell::Bytes(bytes), Self::Vector(_)) => floats(of_bytes(&bytes)),
            (Cell::Bytes(bytes), Self::Text | Self::Json | Self::Other | Self::Timestamp) => {
                self.decode(Cell::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            (Cell::Bytes(bytes), _) => Value::String(BASE64.encode(bytes)),
        }
    }
}

/// What a parameter of raw SQL is, where no column says.
pub(super) fn plain(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(value) => Cell::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Cell::Integer(whole),
            (None, real) => Cell::Real(real.unwrap_or_default()),
        },
        other => Cell::Text(text_of(other)),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What it looks like, without what it is.
const fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "another number",
        Value::String(_) => "another text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(value) => Some(i64::from(*value)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        _ => None,
    }
}

/// The whole number that a float is exactly.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "within 2^53 it is exact")]
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= EXACT as f64).then_some(value as i64)
}

/// A number, or the text of one.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Whether there is a null character in a text or a name of the document: PostgreSQL cannot hold that.
fn has_nul(document: &Value) -> bool {
    match document {
        Value::String(text) => text.contains('\0'),
        Value::Array(parts) => parts.iter().any(has_nul),
        Value::Object(parts) => parts.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn real(value: f64) -> Value {
    match whole(value) {
        Some(whole) => whole.into(),
        None => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}

/// A number if it is exactly one, else its text.
fn decimal(text: String) -> Value {
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match trimmed.parse::<f64>() {
        Ok(number) if number.to_string() == trimmed && number.abs() <= EXACT_REAL => real(number),
        _ => Value::String(text),
    }
}

const EXACT_REAL: f64 = 9_007_199_254_740_992.0;

/// `YYYY-MM-DD HH:MM:SS` in UTC, with microseconds where there are any.
fn timestamp(text: &str) -> Option<String> {
    let text = text.trim();
    // the usual case: as a database gives it, with the offset that it leaves short
    let padded = match text.rfind(['+', '-']) {
        Some(at) if at + 3 == text.len() && at > 10 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let moment = match padded.parse::<jiff::Timestamp>() {
        Ok(moment) => moment.to_zoned(jiff::tz::TimeZone::UTC).datetime(),
        Err(_) => padded.trim_end_matches('Z').parse::<jiff::civil::DateTime>().ok()?,
    };
    let seconds = moment.strftime("%Y-%m-%d %H:%M:%S").to_string();
    // as fine as every dialect has it
    let microseconds = moment.subsec_nanosecond() / 1000;
    if microseconds == 0 {
        return Some(seconds);
    }
    let fraction = format!("{microseconds:06}");
    Some(format!("{seconds}.{}", fraction.trim_end_matches('0')))
}

fn vector(column: &str, value: &Value, width: Option<usize>) -> Result<Cell, DbError> {
    let numbers = match value {
        Value::Array(parts) => parts.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>(),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    };
    let Some(mut numbers) = numbers else {
        let message = format!("column {column:?} expects an array of numbers, found {}", shape(value));
        return Err(DbError::new(code::BAD_VALUE, message));
    };
    if let Some(width) = width {
        fits(column, numbers.len(), width)?;
        numbers.resize(width, 0.0);
    }
    let parts: Vec<String> = numbers.iter().map(|number| narrow(*number).to_string()).collect();
    Ok(Cell::Text(format!("[{}]", parts.join(","))))
}

/// Refuses a vector that is longer than its column.
pub(super) fn fits(column: &str, length: usize, width: usize) -> Result<(), DbError> {
    if length <= width {
        return Ok(());
    }
    let message = format!("column {column:?} holds vectors of {width} numbers, found {length}");
    Err(DbError::new(code::BAD_VECTOR, message))
}

#[expect(clippy::cast_possible_truncation, reason = "vectors are stored with 32 bits a number")]
const fn narrow(number: f64) -> f32 {
    number as f32
}

fn of_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn numbers(text: &str) -> Option<Vec<f32>> {
    serde_json::from_str(text).ok()
}

/// By their shortest texts: the 0.1 that was written comes back as 0.1.
fn floats(numbers: Vec<f32>) -> Value {
    numbers.into_iter().map(|number| real(number.to_string().parse().unwrap_or_default())).collect()
}

impl Cell {
    /// The vector that it holds, as bytes or as a JSON array.
    pub(super) fn as_vector(&self) -> Option<Vec<f32>> {
        match self {
            Self::Text(text) => numbers(text),
            Self::Bytes(bytes) => Some(of_bytes(bytes)),
            _ => None,
        }
    }
}
