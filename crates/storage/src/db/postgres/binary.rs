//! Values in PostgreSQL's binary format.

use sqlx::postgres::PgValueRef;
use sqlx::{TypeInfo as _, ValueRef as _};

use crate::db::value::Cell;
use crate::db::{DbError, code};

/// Microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH: i64 = 946_684_800_000_000;

/// A value of the column with that name.
pub(super) fn read(value: &PgValueRef<'_>, column: &str) -> Result<Cell, DbError> {
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let name = value.type_info().name().to_owned();
    let unreadable = || {
        let message = format!("column {column:?} is of type {name}, which is not read here");
        DbError::new(code::OTHER, message).with_hint("cast it to text")
    };
    let bytes = value.as_bytes().map_err(|_| unreadable())?;
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map(Cell::Text).map_err(|_| unreadable());
    let cell = match name.as_str() {
        "BOOL" => bytes.first().map(|byte| Cell::Bool(*byte != 0)),
        "INT2" => bytes.try_into().ok().map(|two| Cell::Integer(i16::from_be_bytes(two).into())),
        "INT4" => bytes.try_into().ok().map(|four| Cell::Integer(i32::from_be_bytes(four).into())),
        "INT8" => bytes.try_into().ok().map(|eight| Cell::Integer(i64::from_be_bytes(eight))),
        "OID" => bytes.try_into().ok().map(|four| Cell::Integer(u32::from_be_bytes(four).into())),
        // by its shortest text, so that 0.1 is not 0.10000000149
        "FLOAT4" => bytes
            .try_into()
            .ok()
            .and_then(|four| f32::from_be_bytes(four).to_string().parse().ok().map(Cell::Real)),
        "FLOAT8" => bytes.try_into().ok().map(|eight| Cell::Real(f64::from_be_bytes(eight))),
        "BYTEA" => Some(Cell::Bytes(bytes.to_vec())),
        "JSONB" => return utf8(bytes.get(1..).unwrap_or_default()),
        "TIMESTAMPTZ" | "TIMESTAMP" => bytes.try_into().ok().and_then(|eight| {
            let moment =
                jiff::Timestamp::from_microsecond(i64::from_be_bytes(eight).checked_add(EPOCH)?).ok()?;
            Some(Cell::Text(moment.to_string()))
        }),
        "DATE" => bytes.try_into().ok().and_then(|four| {
            let days = i64::from(i32::from_be_bytes(four)) * 86_400_000_000;
            let moment = jiff::Timestamp::from_microsecond(days.checked_add(EPOCH)?).ok()?;
            Some(Cell::Text(moment.strftime("%Y-%m-%d").to_string()))
        }),
        "UUID" => uuid::Uuid::from_slice(bytes).ok().map(|id| Cell::Text(id.to_string())),
        "NUMERIC" => numeric(bytes).map(Cell::Text),
        "VOID" => Some(Cell::Null),
        "vector" => Some(Cell::Bytes(
            bytes
                .get(4..)
                .unwrap_or_default()
                .as_chunks::<4>()
                .0
                .iter()
                .flat_map(|[a, b, c, d]| [*d, *c, *b, *a])
                .collect(),
        )),
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "JSON" | "UNKNOWN" | "\"CHAR\"" | "CITEXT" | "citext" => {
            return utf8(bytes);
        }
        _ => None,
    };
    cell.ok_or_else(unreadable)
}

/// A decimal number: groups of four digits, as PostgreSQL sends it.
#[expect(clippy::format_collect, reason = "a few groups of digits, plainly said")]
fn numeric(bytes: &[u8]) -> Option<String> {
    let words: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|two| i16::from_be_bytes(*two)).collect();
    let [count, weight, sign, scale, digits @ ..] = words.as_slice() else { return None };
    if !matches!(*sign, 0 | 0x4000) || digits.len() != usize::try_from(*count).ok()? {
        return None;
    }
    let group = |at: i16| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    let mut text = if *sign == 0 { String::new() } else { "-".to_owned() };
    let whole: String = (0..=*weight).map(|at| format!("{:04}", group(at))).collect();
    let whole = whole.trim_start_matches('0');
    text.push_str(if whole.is_empty() { "0" } else { whole });
    let scale = usize::try_from(*scale).ok()?;
    if scale > 0 {
        let groups = i16::try_from(scale.div_ceil(4)).ok()?;
        let fraction: String = (1..=groups).map(|at| format!("{:04}", group(weight + at))).collect();
        text.push('.');
        text.push_str(fraction.get(..scale)?);
    }
    Some(text)
}
