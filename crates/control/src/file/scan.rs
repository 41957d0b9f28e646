//! Finds the rows of a selection: by its primary key as far as the filters name it, else by an index, else by
//! looking at all of them.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::memory::{Key, Memory, Rows, Shared};
use crate::backend::{Filter, Select};
use crate::ledger::Changed;
use crate::table::{Cell, Entity as _, Row, Table};

/// Beginnings of keys that are looked at one by one; past it, one more column is looked at row by row.
const BEGINNINGS: usize = 1_024;
/// Rows that are looked at where the caller stands; more of them are another thread's work.
const FEW: usize = 4_096;

/// A filter with its column's place.
enum Test {
    In(usize, BTreeSet<Cell>),
    AtLeast(usize, Cell),
    Below(usize, Cell),
    Above(usize, Cell),
}

impl Test {
    fn column(&self) -> usize {
        let (Self::In(at, _) | Self::AtLeast(at, _) | Self::Below(at, _) | Self::Above(at, _)) = self;
        *at
    }

    /// What is absent is in no relation to anything.
    fn holds(&self, row: &[Cell]) -> bool {
        let cell = &row[self.column()];
        *cell != Cell::Null
            && match self {
                Self::In(_, cells) => cells.contains(cell),
                Self::AtLeast(_, least) => cell >= least,
                Self::Below(_, limit) => cell < limit,
                Self::Above(_, limit) => cell > limit,
            }
    }
}

/// The rows of a selection.
pub(super) fn select(memory: &Memory, select: &Select) -> Vec<Row> {
    let limit = select.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut found = Vec::new();
    visit(memory, select.table, &select.filters, select.descending, |row| {
        if found.len() < limit {
            found.push(row.to_vec());
        }
        found.len() < limit
    });
    found
}

/// The keys of the rows for which all filters hold.
pub(super) fn keys(memory: &Memory, table: &Table, filters: &[Filter]) -> Vec<Key> {
    let shape = memory.of(table).shape;
    let mut keys = Vec::new();
    visit(memory, table, filters, false, |row| {
        keys.push(shape.key_of(row));
        true
    });
    keys
}

/// Whether it may take so long that other work should not wait for it.
pub(super) fn is_long(memory: &Memory, select: &Select) -> bool {
    let rows = memory.of(select.table);
    let first = select.table.key[0];
    let by_key = select.filters.iter().any(|filter| matches!(filter, Filter::In(name, _) if *name == first));
    let only_few = select.filters.is_empty() && select.limit.is_some_and(|limit| limit <= FEW as u64);
    rows.rows.len() > FEW && !by_key && !only_few
}

/// Shows rows in the order of their keys, until it is enough.
fn visit(
    memory: &Memory,
    table: &Table,
    filters: &[Filter],
    descending: bool,
    mut enough: impl FnMut(&Shared) -> bool,
) {
    let rows = memory.of(table);
    let tests: Vec<_> = filters.iter().map(|filter| test(memory, table, filter)).collect();
    let mut see = |row: &Shared| !tests.iter().all(|test| test.holds(row)) || enough(row);
    let (beginnings, bounds) = spans(rows, &tests);
    if beginnings.len() == 1
        && beginnings[0].is_empty()
        && let Some((place, cell)) = indexed(rows, &tests)
    {
        let index = &rows.indexes[place];
        let from = |key: &[Cell]| (cell.clone(), Key::from(key));
        let (low, high) = (bounds.0.map(|key| from(&key)), bounds.1.map(|key| from(&key)));
        // the shortest key comes before all others, and one of bytes after them
        let low = or_else(low, Bound::Included(from(&[])));
        let high = or_else(high, Bound::Excluded(from(&[TOP])));
        each(index.range::<(Cell, Key), _>((low, high)).map(|(_, row)| row), descending, &mut see);
        return;
    }
    let in_order: Box<dyn Iterator<Item = &Row>> =
        if descending { Box::new(beginnings.iter().rev()) } else { Box::new(beginnings.iter()) };
    for beginning in in_order {
        let with = |bound: &Bound<Row>| bound.as_ref().map(|rest| [&beginning[..], rest].concat());
        let low = or_else(with(&bounds.0), Bound::Included(beginning.clone()));
        let high = or_else(with(&bounds.1), Bound::Excluded([&beginning[..], &[TOP]].concat()));
        let range = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
        if !each(rows.rows.range::<[Cell], _>(range).map(|(_, row)| row), descending, &mut see) {
            return;
        }
    }
}

fn each<'a>(
    mut rows: impl DoubleEndedIterator<Item = &'a Shared>,
    descending: bool,
    see: &mut impl FnMut(&Shared) -> bool,
) -> bool {
    if descending { rows.rev().all(see) } else { rows.all(see) }
}

/// After every cell that is in a key, since no key has bytes.
const TOP: Cell = Cell::Bytes(Vec::new());

fn or_else<T>(bound: Bound<T>, other: Bound<T>) -> Bound<T> {
    if matches!(bound, Bound::Unbounded) { other } else { bound }
}

/// What keys may begin with, in order, and between which bounds they go on.
fn spans(rows: &Rows, tests: &[Test]) -> (Vec<Row>, (Bound<Row>, Bound<Row>)) {
    let mut beginnings = vec![Row::new()];
    for at in &rows.shape.key {
        let cells = tests.iter().find_map(|test| match test {
            Test::In(column, cells) if column == at => Some(cells),
            _ => None,
        });
        match cells {
            Some(cells) if beginnings.len() * cells.len() <= BEGINNINGS.max(cells.len()) => {
                let with = |beginning: &Row| {
                    cells.iter().map(|cell| [&beginning[..], std::slice::from_ref(cell)].concat()).collect()
                };
                beginnings = beginnings.iter().flat_map::<Vec<Row>, _>(with).collect();
            }
            Some(_) => break,
            None => return (beginnings, bounds(*at, tests)),
        }
    }
    (beginnings, (Bound::Unbounded, Bound::Unbounded))
}

/// Between which values of a column. Of several conditions one is enough: all of them are looked at again.
fn bounds(at: usize, tests: &[Test]) -> (Bound<Row>, Bound<Row>) {
    let (mut low, mut high) = (Bound::Unbounded, Bound::Unbounded);
    for test in tests.iter().filter(|test| test.column() == at) {
        match test {
            Test::AtLeast(_, cell) => low = Bound::Included(vec![cell.clone()]),
            // behind every key that goes on from this value
            Test::Above(_, cell) => low = Bound::Excluded(vec![cell.clone(), TOP]),
            Test::Below(_, cell) => high = Bound::Excluded(vec![cell.clone()]),
            Test::In(..) => {}
        }
    }
    (low, high)
}

/// The index for one of the filters, if there is one, and its value.
fn indexed(rows: &Rows, tests: &[Test]) -> Option<(usize, Cell)> {
    tests.iter().find_map(|test| {
        let Test::In(at, cells) = test else { return None };
        let place = rows.shape.indexed.iter().position(|indexed| indexed == at)?;
        // one value: its rows stand in the order of their keys
        (cells.len() == 1).then(|| cells.first().cloned()).flatten().map(|cell| (place, cell))
    })
}

fn test(memory: &Memory, table: &Table, filter: &Filter) -> Test {
    match filter {
        Filter::In(name, cells) => Test::In(table.column(name), cells.iter().cloned().collect()),
        Filter::AtLeast(name, cell) => Test::AtLeast(table.column(name), cell.clone()),
        Filter::Below(name, cell) => Test::Below(table.column(name), cell.clone()),
        Filter::Above(name, cell) => Test::Above(table.column(name), cell.clone()),
        Filter::ChangedSince(name, version) => {
            let changed = Changed::table();
            let newer = [
                Filter::Above("version", Cell::Integer(*version)),
                Filter::In("kind", vec![table.name.into()]),
            ];
            let id = changed.key.iter().position(|name| *name == "record_id").unwrap_or_default();
            let ids = keys(memory, changed, &newer).into_iter().map(|key| key[id].clone());
            Test::In(table.column(name), ids.collect())
        }
    }
}
