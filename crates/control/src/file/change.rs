//! What writes do to the rows in memory, and the lines of the log that say so.
//!
//! A line puts a whole row or takes one out by its key, so that a log may be read over files that have some of it
//! already.

use std::collections::BTreeSet;
use std::io::Write as _;

use super::json::{Named, Object};
use super::memory::{Memory, Shape, Shared, shape};
use super::scan;
use crate::backend::{Guard, Write, Written};
use crate::ledger::Meta;
use crate::table::{Cell, Entity as _, Row, Table};
use crate::{ControlError, Kind};

/// The lines of a log, and which tables they are about.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    pub(super) tables: BTreeSet<&'static str>,
}

impl Lines {
    fn put(&mut self, shape: &Shape, row: &[Cell]) -> Result<(), ControlError> {
        self.line("put", shape, &shape.all, row)
    }

    fn remove(&mut self, shape: &Shape, key: &[Cell]) -> Result<(), ControlError> {
        self.line("remove", shape, &shape.key, key)
    }

    fn line(
        &mut self,
        verb: &str,
        shape: &Shape,
        columns: &[usize],
        cells: &[Cell],
    ) -> Result<(), ControlError> {
        let table = shape.table;
        self.tables.insert(table.name);
        let written = write!(self.text, "{verb} {} ", table.name)
            .and_then(|()| Ok(serde_json::to_writer(&mut self.text, &Named { table, columns, cells })?));
        self.text.push(b'\n');
        written.map_err(|error| ControlError::Unavailable(format!("a row of {}: {error}", table.name)))
    }
}

impl Memory {
    /// Does all of the writes or says why not; on an error or [`Written::Moved`] what it holds is to be dropped.
    pub(super) fn apply(
        &mut self,
        guard: Option<Guard>,
        writes: Vec<Write>,
        lines: &mut Lines,
    ) -> Result<Written, ControlError> {
        if let Some(guard) = guard
            && !self.advance(guard, lines)?
        {
            return Ok(Written::Moved);
        }
        for write in writes {
            match write {
                Write::Insert(table, rows) => {
                    rows.into_iter().try_for_each(|row| self.insert(table, row, lines))?;
                }
                Write::Put(table, rows) => {
                    rows.into_iter().try_for_each(|row| self.put(table, row, lines))?;
                }
                Write::Update(table, row) => {
                    if self.of(table).get(&table.key_of(&row)).is_none() {
                        return Err(refused(table, "was to be changed and is not there"));
                    }
                    self.put(table, row, lines)?;
                }
                Write::Delete(table, filters) => {
                    for key in scan::keys(self, table, &filters) {
                        let rows = self.of_mut(table);
                        rows.remove(&key);
                        lines.remove(rows.shape, &key)?;
                    }
                }
            }
        }
        Ok(Written::Done)
    }

    /// Moves a counter, if it is where it is expected to be.
    fn advance(&mut self, guard: Guard, lines: &mut Lines) -> Result<bool, ControlError> {
        let table = Meta::table();
        let Some(row) = self.of(table).get(&[guard.name.into()]) else { return Ok(false) };
        let meta = Meta::read(row.to_vec())?;
        if meta.value != guard.expected.to_string() {
            return Ok(false);
        }
        let moved = Meta { value: (guard.expected + 1).to_string(), ..meta };
        self.put(table, moved.row(), lines)?;
        Ok(true)
    }

    fn insert(&mut self, table: &'static Table, row: Row, lines: &mut Lines) -> Result<(), ControlError> {
        if self.of(table).get(&table.key_of(&row)).is_some() {
            return Err(refused(table, "has the primary key of one that is there"));
        }
        self.put(table, row, lines)
    }

    fn put(&mut self, table: &'static Table, row: Row, lines: &mut Lines) -> Result<(), ControlError> {
        let row = Shared::from(row);
        if self.of(table).is_taken(&table.key_of(&row), &row) {
            return Err(refused(table, "has the natural key of another"));
        }
        if let Some(column) = self.dangling(table, &row) {
            return Err(refused(table, &format!("points at what is not there with {column}")));
        }
        let rows = self.of_mut(table);
        lines.put(rows.shape, &row)?;
        rows.put(row);
        Ok(())
    }

    /// The column that points at a record which is not there. Usage and logs outlive what they are about.
    fn dangling(&self, table: &Table, row: &[Cell]) -> Option<&'static str> {
        let is_record = Kind::of_table(table.name).is_some();
        let pointing = table.columns.iter().zip(row).filter(|(column, _)| is_record || !column.nullable);
        let mut pointing =
            pointing.filter_map(|(column, cell)| column.refers.map(|(kind, _)| (column, kind, cell)));
        let lost = pointing.find(|(_, kind, cell)| {
            **cell != Cell::Null && self.of(kind.table()).get(std::slice::from_ref(*cell)).is_none()
        });
        lost.map(|(column, ..)| column.name)
    }

    /// Does what a record of the log says; nothing is checked, since a later line may set right what is wrong now.
    pub(super) fn replay(&mut self, text: &[u8], touched: &mut BTreeSet<&'static str>) -> Result<(), String> {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, |byte| *byte == b' ');
            let mut word = || words.next().unwrap_or_default();
            let (verb, name, json) = (word(), String::from_utf8_lossy(word()), word());
            let shape = shape(&name).ok_or_else(|| format!("unknown table {name:?}"))?;
            let read = |columns| {
                let object = Object { table: shape.table, columns };
                let mut reader = serde_json::Deserializer::from_slice(json);
                let read = serde::de::DeserializeSeed::deserialize(object, &mut reader);
                read.and_then(|row| reader.end().map(|()| row)).map_err(|error| format!("{name}: {error}"))
            };
            let rows = self.of_mut(shape.table);
            match verb {
                b"put" => rows.put(read(&shape.all)?.into()),
                b"remove" => drop(rows.remove(&read(&shape.key)?.into())),
                verb => {
                    let verb = String::from_utf8_lossy(verb);
                    return Err(format!("expected put or remove, found {verb:?}"));
                }
            }
            touched.insert(shape.table.name);
        }
        Ok(())
    }
}

fn refused(table: &Table, why: &str) -> ControlError {
    ControlError::Unavailable(format!("a row of {} {why}, and nothing was written", table.name))
}
