//! The rows of all tables, in memory. A copy costs next to nothing and shares what did not change, so that
//! whoever reads sees one moment, and a write that fails is dropped instead of undone.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use immutable_chunkmap::map::Map;

use crate::ledger::tables;
use crate::table::{Cell, ColumnType, Table};

/// The cells of a primary key.
pub(super) type Key = Arc<[Cell]>;
/// The cells of a row.
pub(super) type Shared = Arc<[Cell]>;
/// A map that is cheap to change where copies of it are held: a change copies a few times so many entries.
pub(super) type Sorted<K, V> = Map<K, V, 64>;

/// What a table looks like from here.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) table: &'static Table,
    /// Every column.
    pub(super) all: Vec<usize>,
    /// The columns of the primary key.
    pub(super) key: Vec<usize>,
    /// The columns of what else is unique.
    unique: Vec<usize>,
    /// The columns with an index: those that are asked for by their value. Points in time are asked for as spans,
    /// and rows stand in the order in which they came anyway.
    pub(super) indexed: Vec<usize>,
}

impl Shape {
    fn of(table: &'static Table) -> Self {
        let places = |names: &[&str]| names.iter().map(|name| table.column(name)).collect::<Vec<_>>();
        let is_by_value = |at: &usize| {
            let column = &table.columns[*at];
            column.refers.is_some() || column.kind != ColumnType::Integer
        };
        let indexed = table.indexes.iter().filter(|names| names.len() == 1).flat_map(|names| places(names));
        Self {
            table,
            all: (0..table.columns.len()).collect(),
            key: places(table.key),
            unique: places(table.unique),
            indexed: indexed.filter(is_by_value).collect(),
        }
    }

    pub(super) fn key_of(&self, row: &[Cell]) -> Key {
        self.key.iter().map(|at| row[*at].clone()).collect()
    }

    /// The natural key, where there is one and no part of it is absent.
    pub(super) fn natural_of(&self, row: &[Cell]) -> Option<Key> {
        let is_whole = self.unique.iter().all(|at| row[*at] != Cell::Null);
        (is_whole && !self.unique.is_empty()).then(|| self.unique.iter().map(|at| row[*at].clone()).collect())
    }
}

/// The rows of one table.
#[expect(clippy::struct_field_names, reason = "the rows of a table are what it is")]
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) shape: &'static Shape,
    pub(super) rows: Sorted<Key, Shared>,
    natural: Sorted<Key, Key>,
    /// One for each indexed column, in their order.
    pub(super) indexes: Vec<Sorted<(Cell, Key), Shared>>,
}

impl Rows {
    fn new(shape: &'static Shape) -> Self {
        let indexes = shape.indexed.iter().map(|_| Sorted::new()).collect();
        Self { shape, rows: Sorted::new(), natural: Sorted::new(), indexes }
    }

    pub(super) fn get(&self, key: &[Cell]) -> Option<&Shared> {
        self.rows.get(key)
    }

    /// Whether another row has the natural key of this one.
    pub(super) fn is_taken(&self, key: &[Cell], row: &[Cell]) -> bool {
        let natural = self.shape.natural_of(row);
        natural.and_then(|natural| self.natural.get(&*natural)).is_some_and(|other| **other != *key)
    }

    /// Puts many rows into a table that is empty, or says which two of them exclude each other.
    pub(super) fn fill(&mut self, rows: &[Shared]) -> Result<(), &'static str> {
        let keyed: Vec<_> = rows.iter().map(|row| (self.shape.key_of(row), row.clone())).collect();
        let natural = keyed.iter().filter_map(|(key, row)| Some((self.shape.natural_of(row)?, key.clone())));
        let natural: Vec<_> = natural.collect();
        let names = natural.len();
        self.natural = self.natural.insert_many(natural);
        for (at, index) in self.shape.indexed.iter().zip(&mut self.indexes) {
            let entry = |(key, row): &(Key, Shared)| ((row[*at].clone(), key.clone()), row.clone());
            *index = index.insert_many(keyed.iter().map(entry));
        }
        self.rows = self.rows.insert_many(keyed);
        match (self.rows.len() == rows.len(), self.natural.len() == names) {
            (false, _) => Err("two rows have the same primary key"),
            (true, false) => Err("two rows have the same natural key"),
            (true, true) => Ok(()),
        }
    }

    /// Puts a row in the place of the one with its key, if there is one.
    pub(super) fn put(&mut self, row: Shared) {
        let key = self.shape.key_of(&row);
        if self.get(&key).is_some() {
            self.remove(&key);
        }
        if let Some(natural) = self.shape.natural_of(&row) {
            self.natural.insert_cow(natural, key.clone());
        }
        for (at, index) in self.shape.indexed.iter().zip(&mut self.indexes) {
            index.insert_cow((row[*at].clone(), key.clone()), row.clone());
        }
        self.rows.insert_cow(key, row);
    }

    /// Takes out the row with that key, if there is one.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Shared> {
        let row = self.rows.remove_cow(key)?;
        if let Some(natural) = self.shape.natural_of(&row)
            && self.natural.get(&*natural).is_some_and(|owner| owner == key)
        {
            self.natural.remove_cow(&natural);
        }
        for (at, index) in self.shape.indexed.iter().zip(&mut self.indexes) {
            index.remove_cow(&(row[*at].clone(), key.clone()));
        }
        Some(row)
    }
}

/// The rows of every table, as of one moment.
#[derive(Clone)]
pub(super) struct Memory(Vec<Rows>);

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| tables().into_iter().map(Shape::of).collect());
static PLACES: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| SHAPES.iter().enumerate().map(|(place, shape)| (shape.table.name, place)).collect());

impl Memory {
    /// All tables, empty.
    pub(super) fn new() -> Self {
        Self(SHAPES.iter().map(Rows::new).collect())
    }

    pub(super) fn of(&self, table: &Table) -> &Rows {
        &self.0[PLACES[table.name]]
    }

    pub(super) fn of_mut(&mut self, table: &Table) -> &mut Rows {
        &mut self.0[PLACES[table.name]]
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &Rows> {
        self.0.iter()
    }
}

/// What the table of that name looks like.
pub(super) fn shape(name: &str) -> Option<&'static Shape> {
    PLACES.get(name).map(|place| &SHAPES[*place])
}

/// Every table.
pub(super) fn shapes() -> &'static [Shape] {
    &SHAPES
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.0.iter().map(|rows| (rows.shape.table.name, rows.rows.len()))).finish()
    }
}
