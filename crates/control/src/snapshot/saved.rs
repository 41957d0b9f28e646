//! The last good snapshot on disk, from which a gateway starts while its control store cannot be reached.
//!
//! It is the rows of all records, sealed as a whole under the master key where there is one. Secrets in it are
//! as they are in the store: sealed once more for their own rows.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::seal::{Binding, Keyring, SealError};
use crate::table::{Cell, ColumnType, Row, Table};
use crate::{ControlError, Kind, Loaded, Records, SCHEMA};

/// Its name in the data folder.
const NAME: &str = "snapshot.sealed";

/// Why there is no snapshot to start from.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file cannot be read or written.
    #[error("{NAME}: {0}")]
    Io(#[from] io::Error),
    /// It is sealed under another key, or somebody changed it.
    #[error("{NAME}: {0}")]
    Seal(#[from] SealError),
    /// It is not what this version writes.
    #[error("{NAME}: {0}")]
    Form(String),
}

/// What is in the file, as it is written: with 100,000 keys only one row of them at a time is there twice.
#[derive(Serialize)]
struct Draft<'a> {
    schema: i64,
    version: u64,
    tables: Tables<'a>,
}

struct Tables<'a>(&'a Records);

struct Rows<'a>(&'a Records, Kind);

struct Line(Row);

impl Serialize for Tables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Kind::ALL.iter().map(|kind| (kind.table().name, Rows(self.0, *kind))))
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(None)?;
        self.0.each_row(self.1, |row| rows.serialize_element(&Line(row)))?;
        rows.end()
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cells = serializer.serialize_seq(Some(self.0.len()))?;
        for cell in &self.0 {
            match cell {
                // no record has any bytes
                Cell::Null | Cell::Bytes(_) => cells.serialize_element(&()),
                Cell::Integer(number) => cells.serialize_element(number),
                Cell::Bool(value) => cells.serialize_element(value),
                Cell::Text(text) => cells.serialize_element(text),
            }?;
        }
        cells.end()
    }
}

/// The same as it is read.
#[derive(Deserialize)]
struct Content {
    schema: i64,
    version: u64,
    tables: BTreeMap<String, Vec<Vec<Value>>>,
}

/// Keeps a snapshot in the data folder, in place of the one that is there.
pub fn save(folder: &Path, loaded: &Loaded, keyring: &Keyring) -> Result<(), SavedError> {
    let content = Draft { schema: SCHEMA, version: loaded.version, tables: Tables(&loaded.records) };
    let content = serde_json::to_vec(&content).map_err(|error| SavedError::Form(error.to_string()))?;
    let sealed = keyring.seal_bytes(&content, &place())?;
    let (path, fresh) = (folder.join(NAME), folder.join(format!("{NAME}.new")));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&sealed)?;
    file.sync_all()?;
    std::fs::rename(&fresh, &path)?;
    Ok(File::open(folder)?.sync_all()?)
}

/// The snapshot in the data folder, if there is one.
pub fn read(folder: &Path, keyring: &Keyring) -> Result<Option<Loaded>, SavedError> {
    let sealed = match std::fs::read(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let content = keyring.open_bytes(&sealed, &place())?;
    let broken = |error: &dyn std::fmt::Display| SavedError::Form(format!("expected a snapshot: {error}"));
    let content: Content = serde_json::from_slice(content.expose()).map_err(|error| broken(&error))?;
    if content.schema != SCHEMA {
        let found = content.schema;
        return Err(SavedError::Form(format!("it has schema {found}, and this Penstock reads {SCHEMA}")));
    }
    let mut records = Records::default();
    for (name, rows) in content.tables {
        let kind = Kind::of_table(&name).ok_or_else(|| broken(&format!("unknown table {name:?}")))?;
        for row in rows {
            let row = cells(kind.table(), row).ok_or_else(|| broken(&format!("a row of {name:?}")))?;
            records.put(kind, row).map_err(|error: ControlError| broken(&error))?;
        }
    }
    Ok(Some(Loaded { records, version: content.version }))
}

/// Removes the snapshot, if there is one.
pub fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn place() -> Binding<'static> {
    Binding::named("files", NAME, "content")
}

/// A row of as many cells as the table has columns, each of its kind.
fn cells(table: &Table, row: Vec<Value>) -> Option<Row> {
    if row.len() != table.columns.len() {
        return None;
    }
    let cell = |(column, value): (&crate::table::Column, Value)| match (column.kind, value) {
        (_, Value::Null) => Some(Cell::Null),
        (ColumnType::Integer, Value::Number(number)) => number.as_i64().map(Cell::Integer),
        (ColumnType::Bool, Value::Bool(value)) => Some(Cell::Bool(value)),
        (ColumnType::Short | ColumnType::Name | ColumnType::Text, Value::String(text)) => {
            Some(Cell::Text(text))
        }
        _ => None,
    };
    table.columns.iter().zip(row).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::MasterKey;

    fn loaded() -> Loaded {
        let at = penstock_core::Timestamp(1);
        let org = |id, name: &str| crate::Org {
            id: penstock_core::OrgId(id),
            name: name.to_owned(),
            description: None,
            enabled: true,
            created_at: at,
            updated_at: at,
        };
        let records = Records::of([org(1, "default").into(), org(7, "a \"b\" \u{1f41f}").into()]).unwrap();
        Loaded { records, version: 12 }
    }

    #[test]
    fn a_snapshot_comes_back_and_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        for keyring in [Keyring::plaintext(), Keyring::new(MasterKey::generate().unwrap(), Vec::new())] {
            remove(folder.path()).unwrap();
            assert_eq!(read(folder.path(), &keyring).unwrap(), None);
            save(folder.path(), &loaded(), &keyring).unwrap();
            assert_eq!(read(folder.path(), &keyring).unwrap(), Some(loaded()));
        }
        let file = std::fs::read(folder.path().join(NAME)).unwrap();
        assert!(!file.windows(7).any(|bytes| bytes == b"default"), "nothing of a sealed one can be read");
        let mode = std::fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn one_that_was_cut_or_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::new(MasterKey::generate().unwrap(), Vec::new());
        save(folder.path(), &loaded(), &keyring).unwrap();
        let path = folder.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 1, 17, 40, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(folder.path(), &keyring).is_err(), "cut after {cut}");
        }
        let mut flipped = whole;
        let last = flipped.len() - 5;
        flipped[last] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        assert!(matches!(read(folder.path(), &keyring), Err(SavedError::Seal(_))));
    }
}
