//! What a record's fields may be: each type knows its columns and the way there and back.

use std::sync::Arc;

use penstock_core::{
    CredentialStrategy, Dialect, Ended, HealthState, Operation, RequestId, RouteStrategy, Secret, Timestamp,
    Usage, UsageSource, Usd,
};

use super::cell::{NAME, SHORT};
use super::{Cell, Cells, Column, ColumnType, OnDelete};
use crate::seal::Stored;
use crate::{ControlError, KeyDigest, Kind};

/// A value of one column.
pub(crate) trait Scalar: Sized {
    const TYPE: ColumnType;
    /// Whether it is a secret.
    const SEALED: bool = false;
    /// The records it is the id of.
    const REFERS: Option<Kind> = None;
    fn cell(&self) -> Cell;
    /// `None` if the cell holds no such value.
    fn of(cell: &Cell) -> Option<Self>;
}

/// A field of a record: a column, or several.
pub(crate) trait Field: Sized {
    fn columns(name: &'static str, columns: &mut Vec<Column>);
    fn write(&self, row: &mut Vec<Cell>);
    fn read(name: &'static str, cells: &mut Cells) -> Result<Self, ControlError>;
}

impl<T: Scalar> Field for T {
    fn columns(name: &'static str, columns: &mut Vec<Column>) {
        let refers = T::REFERS.map(|kind| (kind, OnDelete::Follow));
        columns.push(Column { name, kind: T::TYPE, nullable: false, sealed: T::SEALED, refers });
    }

    fn write(&self, row: &mut Vec<Cell>) {
        row.push(self.cell());
    }

    fn read(name: &'static str, cells: &mut Cells) -> Result<Self, ControlError> {
        let cell = cells.next();
        T::of(&cell).ok_or_else(|| cells.corrupt(name, &cell))
    }
}

impl<T: Scalar> Field for Option<T> {
    fn columns(name: &'static str, columns: &mut Vec<Column>) {
        let refers = T::REFERS.map(|kind| (kind, OnDelete::Clear));
        columns.push(Column { name, kind: T::TYPE, nullable: true, sealed: T::SEALED, refers });
    }

    fn write(&self, row: &mut Vec<Cell>) {
        row.push(self.as_ref().map_or(Cell::Null, Scalar::cell));
    }

    fn read(name: &'static str, cells: &mut Cells) -> Result<Self, ControlError> {
        let cell = cells.next();
        if cell == Cell::Null {
            return Ok(None);
        }
        T::of(&cell).map(Some).ok_or_else(|| cells.corrupt(name, &cell))
    }
}

impl Scalar for i64 {
    const TYPE: ColumnType = ColumnType::Integer;
    fn cell(&self) -> Cell {
        Cell::Integer(*self)
    }
    fn of(cell: &Cell) -> Option<Self> {
        if let Cell::Integer(number) = cell { Some(*number) } else { None }
    }
}

/// Counts past `i64::MAX` do not occur; whoever claims one is capped, not wrapped.
impl Scalar for u64 {
    const TYPE: ColumnType = ColumnType::Integer;
    fn cell(&self) -> Cell {
        Cell::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
    fn of(cell: &Cell) -> Option<Self> {
        i64::of(cell)?.try_into().ok()
    }
}

impl Scalar for bool {
    const TYPE: ColumnType = ColumnType::Bool;
    fn cell(&self) -> Cell {
        Cell::Bool(*self)
    }
    fn of(cell: &Cell) -> Option<Self> {
        if let Cell::Bool(value) = cell { Some(*value) } else { None }
    }
}

fn text(cell: &Cell) -> Option<&str> {
    if let Cell::Text(text) = cell { Some(text) } else { None }
}

impl Scalar for String {
    const TYPE: ColumnType = ColumnType::Text;
    fn cell(&self) -> Cell {
        Cell::Text(self.clone())
    }
    fn of(cell: &Cell) -> Option<Self> {
        text(cell).map(str::to_owned)
    }
}

/// A secret that can be read again.
impl Scalar for Stored {
    const TYPE: ColumnType = ColumnType::Text;
    const SEALED: bool = true;
    fn cell(&self) -> Cell {
        Cell::Text(self.as_str().to_owned())
    }
    fn of(cell: &Cell) -> Option<Self> {
        Self::parse(text(cell)?.to_owned()).ok()
    }
}

/// A password's hash: a text that is not shown.
impl Scalar for Secret<String> {
    const TYPE: ColumnType = ColumnType::Text;
    fn cell(&self) -> Cell {
        Cell::Text(self.expose().clone())
    }
    fn of(cell: &Cell) -> Option<Self> {
        text(cell).map(|text| text.to_owned().into())
    }
}

impl Scalar for Vec<u8> {
    const TYPE: ColumnType = ColumnType::Bytes;
    fn cell(&self) -> Cell {
        Cell::Bytes(self.clone())
    }
    fn of(cell: &Cell) -> Option<Self> {
        if let Cell::Bytes(bytes) = cell { Some(bytes.clone()) } else { None }
    }
}

impl Scalar for Timestamp {
    const TYPE: ColumnType = ColumnType::Integer;
    fn cell(&self) -> Cell {
        Cell::Integer(self.0)
    }
    fn of(cell: &Cell) -> Option<Self> {
        i64::of(cell).map(Self)
    }
}

/// Any JSON, as its text.
impl Scalar for serde_json::Value {
    const TYPE: ColumnType = ColumnType::Text;
    fn cell(&self) -> Cell {
        Cell::Text(self.to_string())
    }
    fn of(cell: &Cell) -> Option<Self> {
        serde_json::from_str(text(cell)?).ok()
    }
}

/// A scalar that is stored as the name its type displays and parses.
macro_rules! by_name {
    ($length:ident: $($type:ty),+ $(,)?) => {$(
        impl $crate::table::Scalar for $type {
            const TYPE: $crate::table::ColumnType = $crate::table::ColumnType::$length;
            fn cell(&self) -> $crate::table::Cell {
                $crate::table::Cell::Text(self.to_string())
            }
            fn of(cell: &$crate::table::Cell) -> Option<Self> {
                if let $crate::table::Cell::Text(text) = cell { text.parse().ok() } else { None }
            }
        }
    )+};
}
pub(crate) use by_name;

by_name!(Name: KeyDigest);
by_name!(
    Short: Usd, RequestId, Dialect, Operation, UsageSource, Ended, RouteStrategy, CredentialStrategy, HealthState
);

/// A scalar that is the id of a record.
macro_rules! ids {
    ($($type:ident => $kind:ident),+ $(,)?) => {$(
        impl Scalar for penstock_core::$type {
            const TYPE: ColumnType = ColumnType::Integer;
            const REFERS: Option<Kind> = Some(Kind::$kind);
            fn cell(&self) -> Cell {
                Cell::Integer(self.0)
            }
            fn of(cell: &Cell) -> Option<Self> {
                i64::of(cell).map(Self)
            }
        }
    )+};
}

ids! {
    ProviderId => Provider, CredentialId => Credential, RouteId => Route, RuleSetId => RuleSet,
    OrgId => Org, TeamId => Team, UserId => User, KeyId => UserKey,
}

/// An id whose record cannot be deleted while it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Kept<T>(pub T);

impl<T: Scalar> Field for Kept<T> {
    fn columns(name: &'static str, columns: &mut Vec<Column>) {
        let refers = T::REFERS.map(|kind| (kind, OnDelete::Refuse));
        columns.push(Column { name, kind: T::TYPE, nullable: false, sealed: T::SEALED, refers });
    }

    fn write(&self, row: &mut Vec<Cell>) {
        self.0.write(row);
    }

    fn read(name: &'static str, cells: &mut Cells) -> Result<Self, ControlError> {
        T::read(name, cells).map(Self)
    }
}

/// A name that may be part of a long key: at most 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Word(String);

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(clean(short(text, SHORT)))
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scalar for Word {
    const TYPE: ColumnType = ColumnType::Short;
    fn cell(&self) -> Cell {
        Cell::Text(self.0.clone())
    }
    fn of(cell: &Cell) -> Option<Self> {
        text(cell).map(Self::from)
    }
}

/// A name in a row that has to be taken whatever it is: a name may come from anywhere, also from a journal, and a
/// row that a database does not take would keep all that follow it from being settled.
impl Scalar for Arc<str> {
    const TYPE: ColumnType = ColumnType::Name;
    fn cell(&self) -> Cell {
        Cell::Text(name(self))
    }
    fn of(cell: &Cell) -> Option<Self> {
        text(cell).map(Into::into)
    }
}

impl Scalar for Box<str> {
    const TYPE: ColumnType = ColumnType::Text;
    fn cell(&self) -> Cell {
        Cell::Text(clean(self))
    }
    fn of(cell: &Cell) -> Option<Self> {
        text(cell).map(Into::into)
    }
}

/// A text as a column of names takes it.
pub(crate) fn name(text: &str) -> String {
    clean(short(text, NAME))
}

/// A text without zeros, which PostgreSQL has no text with.
fn clean(text: &str) -> String {
    // hardly ever there, and what puts a text together anew without them looks at each of its characters
    if text.as_bytes().contains(&0) { text.replace('\0', "") } else { text.to_owned() }
}

/// As much of a text as a column of so many characters holds.
fn short(text: &str, characters: usize) -> &str {
    if text.len() <= characters {
        return text;
    }
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// Six columns.
impl Field for Usage {
    fn columns(_: &'static str, columns: &mut Vec<Column>) {
        for name in ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"] {
            u64::columns(name, columns);
        }
    }

    fn write(&self, row: &mut Vec<Cell>) {
        let Self { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning } = self;
        row.extend([input, output, cache_read, cache_write_5m, cache_write_1h, reasoning].map(Scalar::cell));
    }

    fn read(name: &'static str, cells: &mut Cells) -> Result<Self, ControlError> {
        let mut next = || Field::read(name, cells);
        Ok(Self {
            input: next()?,
            output: next()?,
            cache_read: next()?,
            cache_write_5m: next()?,
            cache_write_1h: next()?,
            reasoning: next()?,
        })
    }
}
