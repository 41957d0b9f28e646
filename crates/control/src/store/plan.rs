//! From changes to rows: temporary ids, natural keys, references and what hangs on what. This is the one place
//! where they are checked, the same for every backend.

use std::collections::{BTreeMap, BTreeSet};

use penstock_core::Timestamp;

use crate::backend::{Filter, Write};
use crate::ledger::satellites;
use crate::records::{SCOPE, SCOPE_ID};
use crate::seal::{Binding, Keyring, SealError, Stored};
use crate::table::{Cell, Entity as _, OnDelete, Row, Scalar as _, Table};
use crate::{Change, ChangeSet, ControlError, KeyTombstone, Kind, Record, Records, ScopeKind, UserKey};

/// The id that the next record of a table gets, by the table's name.
pub(super) type NextIds = BTreeMap<&'static str, i64>;

/// What a set of changes comes to.
#[derive(Debug)]
pub(super) struct Plan {
    /// The records as they are afterwards.
    pub(super) records: Records,
    /// Which real id each temporary id became.
    pub(super) ids: BTreeMap<i64, i64>,
    /// Every record that is different afterwards.
    pub(super) touched: BTreeSet<(Kind, i64)>,
    /// The next id of each table.
    pub(super) next: NextIds,
    before: Records,
    /// Whether a secret is among what changes.
    has_secrets: bool,
}

/// Works the changes out, or says which of them cannot be.
pub(super) fn plan(
    records: &Records,
    next: NextIds,
    changes: &ChangeSet,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Plan, ControlError> {
    let mut plan = Plan {
        before: records.clone(),
        records: records.clone(),
        ids: BTreeMap::new(),
        touched: BTreeSet::new(),
        next,
        has_secrets: false,
    };
    for change in &changes.changes {
        match change {
            Change::Put(record) => plan.put(record, keyring)?,
            Change::Delete(kind, id) => plan.delete(*kind, plan.real(*id), false, now)?,
            Change::DeleteCascading(kind, id) => plan.delete(*kind, plan.real(*id), true, now)?,
        }
    }
    if plan.has_secrets {
        // what this process sealed would be open to nobody who has the key of all the rest
        let wanted = plan.before.secrets().filter_map(|secret| secret.stored.key_id());
        keyring.check(wanted).map_err(SealError::meanwhile)?;
    }
    Ok(plan)
}

impl Plan {
    fn real(&self, id: i64) -> i64 {
        self.ids.get(&id).copied().unwrap_or(id)
    }

    fn put(&mut self, record: &Record, keyring: &Keyring) -> Result<(), ControlError> {
        let kind = record.kind();
        let table = kind.table();
        let mut row = record.row();
        self.check_references(kind, table, &mut row)?;
        check_lengths(kind, table, &row)?;
        let id = record.id();
        if self.records.find(kind, &table.natural_of(&row)).is_some_and(|other| other != id) {
            return Err(ControlError::Conflict { kind, key: shown(record, table, &row) });
        }
        let real = if id < 0 {
            let real = self.take_id(kind);
            // said twice, it is the first of them
            self.ids.entry(id).or_insert(real);
            real
        } else if self.records.row(kind, id).is_some() {
            id
        } else {
            return Err(ControlError::Missing { kind, id });
        };
        row[table.column("id")] = Cell::Integer(real);
        // a secret is sealed for its row, so that the row has to have its id
        self.has_secrets |= seal(table, real, &mut row, keyring)?;
        self.records.put(kind, row)?;
        self.touched.insert((kind, real));
        Ok(())
    }

    fn take_id(&mut self, kind: Kind) -> i64 {
        let next = self.next.entry(kind.table().name).or_insert(1);
        *next += 1;
        *next - 1
    }

    /// Puts real ids where temporary ones stand, and refuses those that name nothing.
    fn check_references(&self, kind: Kind, table: &Table, row: &mut Row) -> Result<(), ControlError> {
        for (at, column) in table.columns.iter().enumerate() {
            let scope = (column.name == SCOPE_ID).then(|| scope_kind(table, row)).flatten();
            let Some(target) = column.refers.map(|(target, _)| target).or(scope) else { continue };
            let Cell::Integer(id) = row[at] else { continue };
            let real = self.real(id);
            if self.records.row(target, real).is_none() {
                return Err(ControlError::InvalidReference { kind, what: target.noun() });
            }
            row[at] = Cell::Integer(real);
        }
        Ok(())
    }

    fn delete(&mut self, kind: Kind, id: i64, cascade: bool, now: Timestamp) -> Result<(), ControlError> {
        if self.records.row(kind, id).is_none() {
            return Err(ControlError::Missing { kind, id });
        }
        if kind == Kind::UserKey {
            self.leave_tombstone(id, now)?;
        }
        for child in Kind::ALL {
            self.release(*child, kind, id, cascade, now)?;
        }
        self.records.remove(kind, id);
        self.touched.insert((kind, id));
        Ok(())
    }

    /// Lets go of what rows of `child` have to do with a record that is deleted.
    fn release(
        &mut self,
        child: Kind,
        kind: Kind,
        id: i64,
        cascade: bool,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let table = child.table();
        for (at, column) in table.columns.iter().enumerate() {
            let is_scope = column.name == SCOPE_ID && ScopeKind::ALL.iter().any(|scope| scope.kind() == kind);
            let on_delete = match column.refers {
                Some((target, on_delete)) if target == kind => on_delete,
                None if is_scope => OnDelete::Follow,
                _ => continue,
            };
            for row_id in self.records.pointing(child, at, id) {
                let Some(mut row) = self.records.row(child, row_id) else { continue };
                if is_scope && scope_kind(table, &row) != Some(kind) {
                    continue;
                }
                match on_delete {
                    OnDelete::Refuse if !cascade => return Err(ControlError::InUse { kind, by: child }),
                    OnDelete::Follow | OnDelete::Refuse => self.delete(child, row_id, cascade, now)?,
                    OnDelete::Clear => {
                        row[at] = Cell::Null;
                        self.records.put(child, row)?;
                        self.touched.insert((child, row_id));
                    }
                }
            }
        }
        Ok(())
    }

    fn leave_tombstone(&mut self, key: i64, now: Timestamp) -> Result<(), ControlError> {
        let Some(row) = self.records.row(Kind::UserKey, key) else { return Ok(()) };
        let digest = UserKey::read(row)?.digest;
        let known = self.records.find(Kind::KeyTombstone, &[digest.to_string().as_str().into()]);
        if known.is_some() {
            return Ok(());
        }
        let id = self.take_id(Kind::KeyTombstone);
        let tombstone = KeyTombstone { id, digest, created_at: now, updated_at: now };
        self.records.put(Kind::KeyTombstone, tombstone.row())?;
        self.touched.insert((Kind::KeyTombstone, id));
        Ok(())
    }

    /// The writes that bring the tables from what they were to what they are to be: deletions first, so that
    /// their natural keys are free, children before the records they point at; then what is new, parents first.
    /// Only what a row has left that stays is deleted last: a database would take the row with it, or refuse.
    pub(super) fn writes(&self) -> Vec<Write> {
        let (mut deletes, mut updates, mut last) = (Vec::new(), Vec::new(), Vec::new());
        let mut inserts = BTreeMap::<Kind, Vec<Row>>::new();
        let left = self.left();
        for (kind, id) in &self.touched {
            match (self.before.row(*kind, *id), self.records.row(*kind, *id)) {
                (Some(_), None) => {
                    let deletes = if left.contains(&(*kind, *id)) { &mut last } else { &mut deletes };
                    deletes.push(Write::Delete(kind.table(), vec![Filter::equals("id", *id)]));
                    let satellites = satellites(*kind).iter();
                    deletes.extend(satellites.map(|(satellite, column)| {
                        Write::Delete(satellite(), vec![Filter::equals(column, *id)])
                    }));
                }
                (None, Some(row)) => inserts.entry(*kind).or_default().push(row),
                (Some(_), Some(row)) => updates.push(Write::Update(kind.table(), row)),
                (None, None) => {}
            }
        }
        let inserts = inserts.into_iter().map(|(kind, rows)| Write::Insert(kind.table(), rows));
        let last = last.into_iter().rev();
        deletes.into_iter().rev().chain(inserts).chain(updates).chain(last).collect()
    }

    /// What is deleted and had a row pointing at it that stays; and what that was part of itself, with which it
    /// would go.
    fn left(&self) -> BTreeSet<(Kind, i64)> {
        let stays = |(kind, id): &&(Kind, i64)| self.records.row(*kind, *id).is_some();
        let moved = self.touched.iter().filter(stays);
        let mut rows: Vec<_> =
            moved.filter_map(|(kind, id)| Some((*kind, self.before.row(*kind, *id)?))).collect();
        let mut left = BTreeSet::new();
        while let Some((kind, row)) = rows.pop() {
            for (column, cell) in kind.table().columns.iter().zip(&row) {
                let (Some((target, OnDelete::Follow | OnDelete::Refuse)), Cell::Integer(id)) =
                    (column.refers, cell)
                else {
                    continue;
                };
                if self.records.row(target, *id).is_none() && left.insert((target, *id)) {
                    rows.extend(self.before.row(target, *id).map(|row| (target, row)));
                }
            }
        }
        left
    }
}

/// The kind that the scope of a row points at.
fn scope_kind(table: &Table, row: &[Cell]) -> Option<Kind> {
    let Cell::Text(scope) = &row[table.column(SCOPE)] else { return None };
    scope.parse::<ScopeKind>().ok().map(ScopeKind::kind)
}

/// What of a record may be shown where its natural key is taken: a digest says nothing to people.
fn shown(record: &Record, table: &Table, row: &[Cell]) -> String {
    if let Record::UserKey(key) = record {
        return key.prefix.clone();
    }
    let texts = table.natural_of(row).into_iter().filter_map(|cell| match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Seals what is not sealed yet, and anew what is under an older key. Whether there was any of that.
fn seal(table: &Table, id: i64, row: &mut Row, keyring: &Keyring) -> Result<bool, ControlError> {
    let mut found = false;
    for (column, cell) in table.columns.iter().zip(row).filter(|(column, _)| column.sealed) {
        let Some(stored) = Stored::of(cell) else { continue };
        found |= !stored.is_sealed() || stored.key_id() != keyring.current();
        if let Some(sealed) = keyring.rewrap(&stored, &Binding::row(table.name, id, column.name))? {
            *cell = sealed.cell();
        }
    }
    Ok(found)
}

/// Names are as long as every database takes them.
fn check_lengths(kind: Kind, table: &Table, row: &[Cell]) -> Result<(), ControlError> {
    for (column, cell) in table.columns.iter().zip(row) {
        let Some(most) = column.kind.characters() else { continue };
        let Cell::Text(text) = cell else { continue };
        let found = text.chars().count();
        if found > most {
            let field = column.name;
            return Err(ControlError::TooLong { kind, field, most, found });
        }
    }
    Ok(())
}
