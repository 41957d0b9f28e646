//! The files of the tables: an array of rows each, a row on a line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::Path;

use serde::de::DeserializeSeed as _;

use super::folder;
use super::json::{Named, Object, Rows as RowsOf};
use super::memory::{Memory, Rows, Shape, shapes};
use super::replace::{Place, Replacement};
use super::stage::stage;
use crate::ControlError;

/// Reads every table. One that has no file is empty.
pub(super) fn read(place: &Path) -> Result<Memory, ControlError> {
    let mut memory = Memory::new();
    for shape in shapes() {
        let path = folder::table(place, shape.table.name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => {
                opened.map_err(|error| ControlError::Unavailable(format!("{}: {error}", path.display())))?
            }
        };
        read_one(memory.of_mut(shape.table), shape, file).map_err(|error| ControlError::Corrupt {
            what: format!("a table {}", path.display()),
            value: error.to_string(),
        })?;
    }
    Ok(memory)
}

fn read_one(rows: &mut Rows, shape: &'static Shape, file: File) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 20, file));
    let object = Object { table: shape.table, columns: &shape.all };
    let read = RowsOf { object }.deserialize(&mut reader)?;
    reader.end()?;
    rows.fill(&read).map_err(serde::de::Error::custom)
}

/// Writes these tables: all of them beside the old ones first, so that a disk that is full changes nothing.
pub(super) fn write(place: &Path, memory: &Memory, tables: &BTreeSet<&'static str>) -> io::Result<()> {
    // of tables that are not to be written now, too: secrets may stand there
    folder::clean(place)?;
    let written = place_beside(place, memory, tables);
    let places = written.inspect_err(|_| drop(folder::clean(place)))?;
    for place in places {
        place.put()?;
        stage("when a table is in its place");
    }
    folder::sync(place)?;
    stage("when all tables are in their places");
    Ok(())
}

fn place_beside(place: &Path, memory: &Memory, tables: &BTreeSet<&'static str>) -> io::Result<Vec<Place>> {
    let changed = memory.tables().filter(|rows| tables.contains(rows.shape.table.name));
    changed.map(|rows| write_one(place, rows)).collect()
}

fn write_one(place: &Path, rows: &Rows) -> io::Result<Place> {
    let shape = rows.shape;
    let mut file = Replacement::begin(place, &format!("{}.json", shape.table.name))?;
    let mut separator = "[\n";
    for (_, row) in &rows.rows {
        file.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut file, &Named { table: shape.table, columns: &shape.all, cells: row })?;
        separator = ",\n";
    }
    file.write_all(if rows.rows.len() == 0 { b"[]\n" } else { b"\n]\n" })?;
    let place = file.finish()?;
    stage("when a table is beside its place");
    Ok(place)
}

/// Bytes of all files of tables.
pub(super) fn bytes(place: &Path) -> u64 {
    let length = |shape: &Shape| {
        std::fs::metadata(folder::table(place, shape.table.name)).map_or(0, |found| found.len())
    };
    shapes().iter().map(length).sum()
}
