//! All records of one kind, by id and by natural key. A copy shares all that did not change.

use std::fmt;
use std::sync::Arc;

use immutable_chunkmap::map::MapM;

use crate::ControlError;
use crate::table::{Cell, Entity, Row};

/// See the module.
pub struct Set<T> {
    records: MapM<i64, Arc<T>>,
    natural: MapM<Row, i64>,
}

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        Self { records: self.records.clone(), natural: self.natural.clone() }
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self { records: MapM::new(), natural: MapM::new() }
    }
}

impl<T: PartialEq> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Set<T> {}

impl<T: fmt::Debug> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T> Set<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.len() == 0
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.shared().map(|record| &**record)
    }

    /// All of them, by id, to be kept.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<T>> {
        self.records.into_iter().map(|(_, record)| record)
    }

    /// The one with that id.
    pub fn get(&self, id: impl Into<i64>) -> Option<&Arc<T>> {
        self.records.get(&id.into())
    }
}

impl<T> Set<T> {
    /// The one with this name, where names tell them apart, or with this id.
    pub fn named(&self, id_or_name: &str) -> Option<&Arc<T>> {
        let id = self.find(&[id_or_name.into()]).or_else(|| id_or_name.parse().ok())?;
        self.records.get(&id)
    }

    /// Those whose natural key starts with that.
    pub(crate) fn starting_with(&self, start: &[Cell]) -> Vec<&T> {
        let from = (std::ops::Bound::Included(start), std::ops::Bound::Unbounded);
        let ids = self.natural.range::<[Cell], _>(from).take_while(|(key, _)| key.starts_with(start));
        ids.filter_map(|(_, id)| self.records.get(id)).map(|record| &**record).collect()
    }

    /// The id of the one with that natural key.
    pub(crate) fn find(&self, natural: &[Cell]) -> Option<i64> {
        self.natural.get(natural).copied()
    }
}

#[expect(private_bounds, reason = "a set is read outside, and made of rows here alone")]
impl<T: Entity> Set<T> {
    pub(crate) fn put(&mut self, row: Row) -> Result<(), ControlError> {
        let table = T::table();
        let Cell::Integer(id) = row[table.column("id")] else { return Ok(()) };
        let natural = table.natural_of(&row);
        let record = T::read(row)?;
        self.remove(id);
        self.records.insert_cow(id, Arc::new(record));
        self.natural.insert_cow(natural, id);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: i64) {
        if let Some(old) = self.records.remove_cow(&id) {
            self.natural.remove_cow(&T::table().natural_of(&old.row()));
        }
    }
}
