//! A row as a JSON object with the names of its columns, as people read it in the files and the log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserializer, Serialize, Serializer};

use super::memory::Shared;
use crate::table::{Cell, ColumnType, Row, Table};

/// Cells with the names of their columns.
pub(super) struct Named<'a> {
    pub(super) table: &'static Table,
    /// Which columns the cells are of.
    pub(super) columns: &'a [usize],
    pub(super) cells: &'a [Cell],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.cells.len()))?;
        for (at, cell) in self.columns.iter().zip(self.cells) {
            let name = self.table.columns[*at].name;
            match cell {
                Cell::Null => map.serialize_entry(name, &())?,
                Cell::Integer(number) => map.serialize_entry(name, number)?,
                Cell::Bool(value) => map.serialize_entry(name, value)?,
                Cell::Text(text) => map.serialize_entry(name, text)?,
                Cell::Bytes(bytes) => map.serialize_entry(name, &STANDARD.encode(bytes))?,
            }
        }
        map.end()
    }
}

/// Reads an object with exactly these columns. What it says of a value that is wrong shows no text, since secrets
/// are texts here.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) table: &'static Table,
    pub(super) columns: &'a [usize],
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Row;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row of {}", self.table.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut row: Vec<Option<Cell>> = vec![None; self.columns.len()];
        let mut next = 0;
        while let Some(place) = map.next_key_seed(Name { object: self, next })? {
            next = place + 1;
            let column = &self.table.columns[self.columns[place]];
            let cell = map.next_value_seed(Value { kind: column.kind, nullable: column.nullable })?;
            if row[place].replace(cell).is_some() {
                return Err(A::Error::custom(format!("the column {:?} is there twice", column.name)));
            }
        }
        let with_name = |(at, cell): (&usize, Option<Cell>)| {
            cell.ok_or_else(|| {
                A::Error::custom(format!("the column {:?} is missing", self.table.columns[*at].name))
            })
        };
        self.columns.iter().zip(row).map(with_name).collect()
    }
}

/// Reads an array of rows.
pub(super) struct Rows<'a> {
    pub(super) object: Object<'a>,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = Vec<Shared>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Shared>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Vec<Shared>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of rows of {}", self.object.table.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<Shared>, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = array.next_element_seed(self.object)? {
            rows.push(row.into());
        }
        Ok(rows)
    }
}

/// Reads the name of a column, which is mostly the next one, as its place among those of the object.
struct Name<'a> {
    object: Object<'a>,
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let Object { table, columns } = self.object;
        let is_it = |at: &usize| table.columns[*at].name == name;
        if columns.get(self.next).is_some_and(is_it) {
            return Ok(self.next);
        }
        columns.iter().position(is_it).ok_or_else(|| {
            let expected: Vec<_> = columns.iter().map(|at| table.columns[*at].name).collect();
            E::custom(format!("unknown column {name:?}: expected {}", expected.join(", ")))
        })
    }
}

struct Value {
    kind: ColumnType,
    nullable: bool,
}

impl Value {
    fn is_text(&self) -> bool {
        matches!(self.kind, ColumnType::Short | ColumnType::Name | ColumnType::Text)
    }

    fn wrong<T, E: Error>(&self, found: &str) -> Result<T, E> {
        let expected = match self.kind {
            ColumnType::Integer => "a whole number of 64 bits",
            ColumnType::Bool => "true or false",
            ColumnType::Short | ColumnType::Name | ColumnType::Text => "a text",
            ColumnType::Bytes => "bytes in base64",
        };
        Err(E::custom(format!("expected {expected}, found {found}")))
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Cell;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Value {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        if self.nullable { Ok(Cell::Null) } else { self.wrong("null") }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell, E> {
        if self.kind == ColumnType::Bool { Ok(Cell::Bool(value)) } else { self.wrong("a truth value") }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cell, E> {
        if self.kind == ColumnType::Integer { Ok(Cell::Integer(number)) } else { self.wrong("a number") }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Cell, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => self.wrong("a larger number"),
        }
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Cell, E> {
        self.wrong("a number with a fraction")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Cell, E> {
        match self.kind {
            ColumnType::Bytes => STANDARD.decode(&text).map(Cell::Bytes).or_else(|_| self.wrong("a text")),
            _ if self.is_text() => Ok(Cell::Text(text)),
            _ => self.wrong("a text"),
        }
    }
}
