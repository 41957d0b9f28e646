//! All records of one kind, by id and by natural key. A copy shares all that did not change.

use std::fmt;
use std::sync::Arc;

use immutable_chunkmap::map::MapM;
use immutable_chunkmap::set::SetM;

use super::SCOPE_ID;
use crate::ControlError;
use crate::table::{Cell, Entity, Row, Table};

/// See the module.
pub struct Set<T> {
    records: MapM<i64, Arc<T>>,
    natural: MapM<Row, i64>,
    /// Each reference: the column it stands in, the id it names, the id of the record that has it.
    references: SetM<(usize, i64, i64)>,
}

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        Self {
            records: self.records.clone(),
            natural: self.natural.clone(),
            references: self.references.clone(),
        }
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self { records: MapM::new(), natural: MapM::new(), references: SetM::new() }
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

    /// The ids of those of which a column that refers to others names this one.
    pub(crate) fn pointing(&self, column: usize, at: i64) -> Vec<i64> {
        let these = self.references.range((column, at, i64::MIN)..=(column, at, i64::MAX));
        these.map(|(_, _, id)| *id).collect()
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
        let references: Vec<_> = references(table, &row).collect();
        let record = T::read(row)?;
        self.remove(id);
        for (column, at) in references {
            self.references.insert_cow((column, at, id));
        }
        self.records.insert_cow(id, Arc::new(record));
        self.natural.insert_cow(natural, id);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: i64) {
        if let Some(old) = self.records.remove_cow(&id) {
            let (table, row) = (T::table(), old.row());
            self.natural.remove_cow(&table.natural_of(&row));
            for (column, at) in references(table, &row) {
                self.references.remove_cow(&(column, at, id));
            }
        }
    }
}

/// The columns of a row that refer to a record, each with that record's id. A scope refers to a record of the kind
/// that stands beside it.
fn references(table: &Table, row: &[Cell]) -> impl Iterator<Item = (usize, i64)> {
    let columns = table.columns.iter().zip(row).enumerate();
    let referring = columns.filter(|(_, (column, _))| column.refers.is_some() || column.name == SCOPE_ID);
    referring.filter_map(|(at, (_, cell))| if let Cell::Integer(id) = cell { Some((at, *id)) } else { None })
}

#[cfg(test)]
mod tests {
    use penstock_core::{Timestamp, UserId};

    use super::*;
    use crate::{Permission, Scope};

    #[test]
    fn what_points_at_a_record_is_known_however_it_changes() {
        let of = |id: i64, user: i64| Permission {
            id,
            scope: Scope::User(UserId(user)),
            route_pattern: format!("fast-{id}"),
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
        };
        let column = Permission::table().column(SCOPE_ID);
        let mut set = Set::<Permission>::default();
        for (id, user) in [(1, 7), (2, 8), (3, 7)] {
            set.put(of(id, user).row()).unwrap();
        }
        let before = set.clone();
        assert_eq!((set.pointing(column, 7), set.pointing(column, 8)), (vec![1, 3], vec![2]));
        set.put(of(3, 8).row()).unwrap();
        assert_eq!((set.pointing(column, 7), set.pointing(column, 8)), (vec![1], vec![2, 3]));
        set.remove(1);
        assert_eq!((set.pointing(column, 7), set.pointing(column, 9)), (vec![], vec![]));
        assert_eq!(before.pointing(column, 7), [1, 3], "a copy stays as it was");
    }
}
