//! Selections against the plainest way to find rows, and the log against the rows it was made from.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::backend::Filter;
use crate::file::change::Lines;
use crate::ledger::{Changed, UsageRollup};
use crate::table::{Cell, Column, ColumnType};
use crate::{Kind, Session, Settlement};

fn cell(column: &Column, value: u8) -> Cell {
    let value = value % 4;
    match column.kind {
        _ if column.nullable && value == 3 => Cell::Null,
        ColumnType::Integer => Cell::Integer(i64::from(value)),
        ColumnType::Bool => Cell::Bool(value > 1),
        ColumnType::Bytes => Cell::Bytes(vec![value]),
        ColumnType::Short | ColumnType::Name | ColumnType::Text => {
            Cell::Text(["", "a", "ab", "b"][usize::from(value)].to_owned())
        }
    }
}

fn rows(table: &'static Table, values: &[[u8; 32]]) -> Vec<Row> {
    let row = |values: &[u8; 32]| {
        table.columns.iter().zip(values.iter().cycle()).map(|(column, value)| cell(column, *value)).collect()
    };
    values.iter().map(row).collect()
}

fn filter(table: &'static Table, (kind, at, values): &(u8, u8, Vec<u8>)) -> Filter {
    let column = &table.columns[usize::from(*at) % table.columns.len()];
    let one = || cell(column, values.first().copied().unwrap_or_default());
    match kind % 8 {
        0 => Filter::AtLeast(column.name, one()),
        1 => Filter::Below(column.name, one()),
        2 => Filter::Above(column.name, one()),
        // mostly of the key, since that is what is looked up
        3..=6 => {
            let name = table.key[usize::from(*at) % table.key.len()];
            let column = &table.columns[table.column(name)];
            Filter::In(name, values.iter().map(|value| cell(column, *value)).collect())
        }
        _ => Filter::In(column.name, values.iter().map(|value| cell(column, *value)).collect()),
    }
}

fn holds(table: &Table, filter: &Filter, row: &[Cell]) -> bool {
    let known = |name: &str| Some(&row[table.column(name)]).filter(|cell| **cell != Cell::Null);
    match filter {
        Filter::In(name, cells) => known(name).is_some_and(|cell| cells.contains(cell)),
        Filter::AtLeast(name, least) => known(name).is_some_and(|cell| cell >= least),
        Filter::Below(name, limit) => known(name).is_some_and(|cell| cell < limit),
        Filter::Above(name, limit) => known(name).is_some_and(|cell| cell > limit),
        Filter::ChangedSince(..) => false,
    }
}

fn table() -> impl Strategy<Value = &'static Table> {
    prop::sample::select(vec![UsageRollup::table(), Settlement::table(), Session::table(), Changed::table()])
}

/// What a memory holds, table by table.
fn all(memory: &Memory) -> Vec<Vec<Row>> {
    memory.tables().map(|rows| scan::select(memory, &Select::all(rows.shape.table))).collect()
}

/// Changes of organisations, which have a natural key, and of rows that have none.
fn change((kind, values): &(u8, [[u8; 32]; 2])) -> Write {
    let (orgs, rollups) = (Kind::Org.table(), UsageRollup::table());
    match kind % 5 {
        0 => Write::Insert(orgs, rows(orgs, values)),
        1 => Write::Update(orgs, rows(orgs, values).remove(0)),
        2 => Write::Delete(orgs, vec![Filter::In("id", vec![Cell::Integer(i64::from(values[0][0] % 4))])]),
        3 => Write::Put(rollups, rows(rollups, values)),
        _ => {
            Write::Delete(rollups, vec![Filter::Below("bucket", Cell::Integer(i64::from(values[0][1] % 4)))])
        }
    }
}

proptest! {
    #[test]
    fn a_selection_finds_what_a_look_at_every_row_finds(
        table in table(),
        values in prop::collection::vec(any::<[u8; 32]>(), 0..60),
        filters in prop::collection::vec((any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..5)), 0..4),
        descending in any::<bool>(),
        limit in prop::option::of(0..20_u64),
    ) {
        let mut memory = Memory::new();
        for row in rows(table, &values) {
            memory.of_mut(table).put(row.into());
        }
        // half of them are put a second time, so that they have been taken out of everything once
        for row in rows(table, &values[..values.len() / 2]) {
            memory.of_mut(table).put(row.into());
        }
        let filters: Vec<_> = filters.iter().map(|made| filter(table, made)).collect();
        let mut expected = std::collections::BTreeMap::<Row, Row>::new();
        for row in rows(table, &values[values.len() / 2..]).into_iter().chain(rows(table, &values[..values.len() / 2])) {
            expected.insert(table.key_of(&row), row);
        }
        let mut expected: Vec<_> =
            expected.into_values().filter(|row| filters.iter().all(|filter| holds(table, filter, row))).collect();
        if descending {
            expected.reverse();
        }
        expected.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()));
        let select = Select { table, filters, descending, limit };
        prop_assert_eq!(scan::select(&memory, &select), expected);
    }

    #[test]
    fn a_log_may_be_read_over_any_state_since_it_was_begun(
        changes in prop::collection::vec((any::<u8>(), any::<[[u8; 32]; 2]>()), 1..30),
    ) {
        let mut memory = Memory::new();
        let mut states = vec![memory.clone()];
        let mut records = Vec::new();
        for made in &changes {
            let (mut next, mut lines) = (memory.clone(), Lines::default());
            if next.apply(None, vec![change(made)], &mut lines).is_ok() {
                memory = next;
                records.push(lines.text);
                states.push(memory.clone());
            }
        }
        for mut state in states {
            let mut touched = BTreeSet::new();
            for record in &records {
                state.replay(record, &mut touched).unwrap();
            }
            prop_assert_eq!(all(&state), all(&memory));
            // what is unique is known again: the next write of any name is refused or not as it would have been
            for number in 0..4_u8 {
                let row = rows(Kind::Org.table(), &[[number; 32]]).remove(0);
                let free = |memory: &Memory| memory.of(Kind::Org.table()).is_taken(&[Cell::Integer(9)], &row);
                prop_assert_eq!(free(&state), free(&memory));
            }
        }
    }
}

#[test]
fn what_changed_since_a_version_is_found_by_its_id() {
    let (mut memory, orgs) = (Memory::new(), Kind::Org.table());
    for id in 0..4_u8 {
        let mut row = rows(orgs, &[[id; 32]]).remove(0);
        row[orgs.column("id")] = Cell::Integer(i64::from(id));
        memory.of_mut(orgs).put(row.into());
        let changed =
            Changed { version: i64::from(id), kind: orgs.name.to_owned(), record_id: i64::from(id) };
        memory.of_mut(Changed::table()).put(changed.row().into());
    }
    let newer = scan::select(&memory, &Select::all(orgs).only(Filter::ChangedSince("id", 1)));
    let ids: Vec<_> = newer.iter().map(|row| row[orgs.column("id")].clone()).collect();
    assert_eq!(ids, [Cell::Integer(2), Cell::Integer(3)]);
}
