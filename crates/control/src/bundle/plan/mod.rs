//! What a bundle would change: the difference between it and the records, before anything is done.

mod change;
mod key;
mod name;
mod overlay;
mod password;
mod prune;
mod refer;
mod seed;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use penstock_core::{Secret, Timestamp};

pub use self::change::{Action, FieldChange, MadeKey, Plan, PlannedChange};
use super::check::{joined, titled};
use super::entry::Entry;
use super::export::{Index, Named};
use super::shape::{Absent, Field, Form, Parent, SECTIONS, Shape};
use super::{Bundle, BundleError, BundleProblem, References};
use crate::seal::Keyring;
use crate::table::{Cell, Row};
use crate::{ChannelRules, Kind, Loaded, Records, ScopeKind};

/// How a bundle is compared.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// Whether what a list does not name is removed.
    pub prune: bool,
    /// Whether secrets may be references.
    pub references: References,
}

/// Works out what the bundle would change. It hashes and compares passwords: call it where that may block.
pub fn plan(
    bundle: &Bundle,
    loaded: &Loaded,
    keyring: &Keyring,
    options: PlanOptions,
    now: Timestamp,
) -> Result<Plan, BundleError> {
    let mut planner = Planner {
        records: &loaded.records,
        index: Index::of(&loaded.records),
        keyring,
        channels: &bundle.channels,
        options,
        now,
        made: Named::new(),
        planned: BTreeMap::new(),
        seen: HashSet::new(),
        present: Vec::new(),
        deleted: BTreeSet::new(),
        problems: Vec::new(),
        plan: Plan { based_on: loaded.version, ..Plan::default() },
    };
    for shape in SECTIONS {
        if let Some(entries) = bundle.sections.get(shape.list) {
            planner.list(shape, entries, None, &Spot::default());
        }
    }
    if planner.problems.is_empty() && options.prune {
        planner.prune();
    }
    planner.finish()
}

/// Where an entry stands: for people in plans, and for those who look for it in the text.
#[derive(Clone, Default)]
struct Spot {
    name: String,
    place: String,
}

struct Planner<'a> {
    records: &'a Records,
    index: Index,
    keyring: &'a Keyring,
    channels: &'a ChannelRules,
    options: PlanOptions,
    now: Timestamp,
    /// Records that are made, by name.
    made: Named,
    /// Records that are made or changed.
    planned: BTreeMap<(Kind, i64), Row>,
    /// Records that the bundle names.
    seen: HashSet<(Kind, i64)>,
    /// The lists that the bundle has, by what they belong to.
    present: Vec<Present>,
    deleted: BTreeSet<(Kind, i64)>,
    problems: Vec<BundleProblem>,
    plan: Plan,
}

/// A list, the record that it belongs to, and where it stands.
type Present = (&'static Shape, Option<(Kind, i64)>, String);

impl Planner<'_> {
    fn report(&mut self, line: Option<usize>, place: &str, says: impl Into<String>) {
        self.problems.push(BundleProblem::new(line, place, says));
    }

    fn list(&mut self, shape: &'static Shape, entries: &[Entry], parent: Option<(Kind, i64)>, spot: &Spot) {
        self.present.push((shape, parent, spot.name.clone()));
        for entry in entries {
            let place = joined(&spot.place, &titled(shape, entry));
            let name = entry.name(shape);
            let name = if spot.name.is_empty() { name } else { format!("{} / {name}", spot.name) };
            self.entry(shape, entry, parent, Spot { name, place });
        }
    }

    fn entry(&mut self, shape: &'static Shape, entry: &Entry, parent: Option<(Kind, i64)>, mut spot: Spot) {
        let found = if shape.kind == Kind::UserKey {
            self.key(shape, entry, parent, &mut spot)
        } else {
            self.named(shape, entry, parent, &spot)
        };
        let Some((id, row)) = found else { return };
        if !self.seen.insert((shape.kind, id)) {
            return self.report(entry.line, &spot.place, "expected it once, found it twice");
        }
        self.overlay(shape, entry, id, row, &spot);
        if shape.kind == Kind::Provider && id < 0 {
            self.seed(shape, entry, id);
        }
        for list in shape.lists {
            let Some(entries) = entry.lists.get(list.list) else { continue };
            let name = match list.parent {
                // the same list may belong to records of several kinds
                Parent::Scope => format!("{} {}", shape.kind.noun(), spot.name),
                _ => spot.name.clone(),
            };
            self.list(list, entries, Some((shape.kind, id)), &Spot { name, place: spot.place.clone() });
        }
    }

    /// The record that has the entry's name: as it is, or as a new one would be.
    fn named(
        &mut self,
        shape: &'static Shape,
        entry: &Entry,
        parent: Option<(Kind, i64)>,
        spot: &Spot,
    ) -> Option<(i64, Row)> {
        let mut row = self.fresh(shape, parent);
        for field in shape.named_by.iter().filter_map(|name| shape.field(name)) {
            let at = shape.kind.table().column(field.column);
            row[at] = match (entry.fields.get(field.name), field.absent) {
                (Some(given), _) => self.cell(field, given, &row, entry, spot)?,
                (None, Absent::Text(text)) => text.into(),
                (None, _) => Cell::Null,
            };
        }
        let natural = shape.kind.table().natural_of(&row);
        let is_of_new = parent.is_some_and(|(_, id)| id < 0);
        if let Some(id) = self.records.find(shape.kind, &natural).filter(|_| !is_of_new) {
            return Some((id, self.records.row(shape.kind, id)?));
        }
        if let Some(id) = self.made.get(&(shape.kind, natural.clone())) {
            return Some((*id, row));
        }
        let id = self.new_id(shape, &mut row);
        self.made.insert((shape.kind, natural), id);
        self.fill(shape, entry, &mut row, spot);
        Some((id, row))
    }

    /// A record that is made gets an id below zero, which the store replaces.
    fn new_id(&mut self, shape: &Shape, row: &mut Row) -> i64 {
        self.plan.made += 1;
        let id = -self.plan.made;
        row[shape.kind.table().column("id")] = Cell::Integer(id);
        id
    }

    /// A row of which nothing is known but what it belongs to.
    fn fresh(&self, shape: &Shape, parent: Option<(Kind, i64)>) -> Row {
        let table = shape.kind.table();
        let mut row = vec![Cell::Null; table.columns.len()];
        for column in ["created_at", "updated_at"] {
            row[table.column(column)] = Cell::Integer(self.now.0);
        }
        match (shape.parent, parent) {
            (Parent::Column(column, _), Some((_, id))) => row[table.column(column)] = Cell::Integer(id),
            (Parent::Scope, Some((kind, id))) => {
                let scope = ScopeKind::ALL.iter().find(|scope| scope.kind() == kind);
                row[table.column("scope")] = scope.map_or(Cell::Null, |scope| scope.as_str().into());
                row[table.column("scope_id")] = Cell::Integer(id);
            }
            _ => {}
        }
        row
    }

    /// What a new record has where the entry says nothing.
    fn fill(&mut self, shape: &'static Shape, entry: &Entry, row: &mut Row, spot: &Spot) {
        let table = shape.kind.table();
        for field in
            shape.fields.iter().filter(|field| !field.inside && !entry.fields.contains_key(field.name))
        {
            let at = table.column(field.column);
            row[at] = match field.absent {
                Absent::Required => {
                    let says = format!(
                        "expected `{}`, which a new {} needs, found nothing",
                        field.name,
                        shape.kind.noun()
                    );
                    self.report(entry.line, &spot.place, says);
                    Cell::Null
                }
                Absent::Text(text) if matches!(field.form, Form::Org) => {
                    let given = super::entry::Given::Plain(text.into());
                    self.cell(field, &given, row, entry, spot).unwrap_or(Cell::Null)
                }
                Absent::Text(text) => text.into(),
                Absent::Name => entry.text("name").unwrap_or_default().into(),
                Absent::Flag(flag) => Cell::Bool(flag),
                Absent::Count(count) => Cell::Integer(count),
                Absent::Empty if !table.columns[at].nullable => "{}".into(),
                // of a key, what is there was found out before
                _ if shape.kind == Kind::UserKey && row[at] != Cell::Null => continue,
                Absent::Null | Absent::Empty | Absent::Place => Cell::Null,
            };
        }
    }

    fn resolve(
        &mut self,
        secret: &Secret<String>,
        field: &Field,
        entry: &Entry,
        spot: &Spot,
    ) -> Option<Secret<String>> {
        match self.options.references.resolve(secret) {
            Ok(secret) => Some(secret),
            Err(says) => {
                self.report(entry.line, &joined(&spot.place, field.name), says);
                None
            }
        }
    }

    fn finish(mut self) -> Result<Plan, BundleError> {
        if !self.problems.is_empty() {
            return Err(BundleError(self.problems));
        }
        self.plan.deletes = self.deleted.into_iter().rev().collect();
        // in the order in which they are made, which is that of their lists
        let mut planned: Vec<_> = self.planned.into_iter().collect();
        planned.sort_by_key(|((kind, id), _)| (*kind, *id < 0, id.abs()));
        for ((kind, _), row) in planned {
            match crate::Record::read(kind, row) {
                Ok(record) => self.plan.puts.push(record),
                Err(error) => return Err(BundleProblem::at(None, error.to_string()).into()),
            }
        }
        Ok(self.plan)
    }
}
