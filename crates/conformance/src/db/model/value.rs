//! What a column of the model holds, and what of JSON fits into it.

use std::cmp::Ordering;

use serde_json::Value;

use super::contain::same;

/// Whole numbers beyond this come back as texts.
const EXACT: i64 = 1 << 53;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Real,
    Boolean,
    Json,
}

impl Kind {
    /// By its name; what the model does not know is a text.
    pub(super) fn of(declared: &str) -> Self {
        match declared {
            "INTEGER" => Self::Integer,
            "REAL" => Self::Real,
            "BOOLEAN" => Self::Boolean,
            "JSON" => Self::Json,
            _ => Self::Text,
        }
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stored {
    Null,
    Text(String),
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Json(Value),
}

/// What `value` is in a column of that kind; `None` if it does not fit.
pub(super) fn stored(kind: Kind, value: &Value) -> Option<Stored> {
    Some(match (kind, value) {
        (_, Value::Null) => Stored::Null,
        (Kind::Text, Value::String(text)) if text.contains('\0') => return None,
        (Kind::Text, Value::String(text)) => Stored::Text(text.clone()),
        (Kind::Text, other) => Stored::Text(other.to_string()),
        (Kind::Integer, Value::Bool(value)) => Stored::Integer(i64::from(*value)),
        (Kind::Integer, Value::String(text)) => Stored::Integer(text.trim().parse().ok()?),
        (Kind::Integer, Value::Number(number)) => match number.as_i64() {
            Some(whole) => Stored::Integer(whole),
            None => Stored::Integer(whole(number.as_f64()?)?),
        },
        (Kind::Real, value) => Stored::Real(number(value)?),
        (Kind::Boolean, Value::Bool(value)) => Stored::Boolean(*value),
        (Kind::Boolean, Value::Number(number)) => match number.as_i64()? {
            0 => Stored::Boolean(false),
            1 => Stored::Boolean(true),
            _ => return None,
        },
        (Kind::Boolean, Value::String(text)) => match text.as_str() {
            "true" => Stored::Boolean(true),
            "false" => Stored::Boolean(false),
            _ => return None,
        },
        (Kind::Json, value) if has_nul(value) => return None,
        (Kind::Json, value) => Stored::Json(value.clone()),
        (Kind::Integer | Kind::Boolean, _) => return None,
    })
}

/// A number, or the text of one.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "it is whole, and small enough"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT as f64).then_some(number as i64)
}

/// Whether a text of the document, or the name of a member, has a null character, which not every database
/// can hold.
pub(super) fn has_nul(document: &Value) -> bool {
    match document {
        Value::String(text) => text.contains('\0'),
        Value::Array(parts) => parts.iter().any(has_nul),
        Value::Object(parts) => parts.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

impl Stored {
    /// As it comes back.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::from(text.as_str()),
            Self::Integer(whole) if (-EXACT..=EXACT).contains(whole) => Value::from(*whole),
            Self::Integer(whole) => Value::from(whole.to_string()),
            Self::Real(number) => whole(*number).map_or_else(|| Value::from(*number), Value::from),
            Self::Boolean(value) => Value::from(*value),
            Self::Json(document) => document.clone(),
        }
    }

    /// How it compares: not at all with null, and a document only as equal or not.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
            (Self::Integer(one), Self::Integer(other)) => Some(one.cmp(other)),
            #[expect(clippy::cast_precision_loss, reason = "a half is far below where that begins")]
            (Self::Integer(one), Self::Real(other)) => (*one as f64).partial_cmp(other),
            (Self::Real(one), Self::Real(other)) => one.partial_cmp(other),
            (Self::Boolean(one), Self::Boolean(other)) => Some(one.cmp(other)),
            (Self::Json(one), Self::Json(other)) => {
                Some(if same(one, other) { Ordering::Equal } else { Ordering::Less })
            }
            _ => None,
        }
    }
}
