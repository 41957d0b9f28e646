//! What is removed: what a list that the bundle has does not name.
//!
//! Nothing goes with it that somebody else needs: what a record that stays points at is not removed, and
//! neither are the last administrator and the organisation everyone starts in.

use std::collections::BTreeSet;

use super::change::{Action, PlannedChange};
use super::{Parent, Planner};
use crate::bundle::shape::{SECTIONS, Shape};
use crate::table::{Cell, Row};
use crate::{DEFAULT_ORG, Kind};

impl Planner<'_> {
    pub(super) fn prune(&mut self) {
        let mut removed = Vec::new();
        for (shape, parent, prefix) in std::mem::take(&mut self.present) {
            // the digest of a deleted key must stay known
            if shape.kind == Kind::KeyTombstone {
                continue;
            }
            for id in self.index.children(shape.kind, parent).to_vec() {
                let Some(row) = self.records.row(shape.kind, id) else { continue };
                if self.seen.contains(&(shape.kind, id)) {
                    continue;
                }
                let name = self.name_of(shape, &row);
                if shape.kind == Kind::Org && name == DEFAULT_ORG {
                    let says = format!("kept the organisation {DEFAULT_ORG:?}: everyone starts in it");
                    self.plan.notes.push(says);
                    continue;
                }
                let name = if prefix.is_empty() { name } else { format!("{prefix} / {name}") };
                self.deleted.insert((shape.kind, id));
                removed.push((shape, id, name));
            }
        }
        self.keep_an_administrator(&removed);
        self.refuse_what_is_needed(&removed);
        for (shape, id, name) in removed {
            if self.deleted.contains(&(shape.kind, id)) {
                let change = PlannedChange {
                    action: Action::Delete,
                    kind: shape.kind.noun(),
                    name,
                    fields: Vec::new(),
                };
                self.plan.changes.push(change);
            }
        }
    }

    /// The rows of a kind as they are to be, without those that are removed.
    fn future(&self, kind: Kind) -> Vec<(i64, Row)> {
        let id_of = |row: &Row| match row[kind.table().column("id")] {
            Cell::Integer(id) => id,
            _ => 0,
        };
        let there = self.records.rows(kind).into_iter().map(|row| (id_of(&row), row));
        let there = there.filter(|(id, _)| !self.planned.contains_key(&(kind, *id)));
        let planned = self.planned.range((kind, i64::MIN)..=(kind, i64::MAX));
        let all = there.chain(planned.map(|((_, id), row)| (*id, row.clone())));
        all.filter(|(id, _)| !self.deleted.contains(&(kind, *id))).collect()
    }

    /// Without one, nobody could mend what the bundle forgot.
    fn keep_an_administrator(&mut self, removed: &[(&'static Shape, i64, String)]) {
        let table = Kind::User.table();
        let is_admin = |row: &Row| {
            [table.column("is_admin"), table.column("enabled")].iter().all(|at| row[*at] == Cell::Bool(true))
        };
        if self.future(Kind::User).iter().any(|(_, row)| is_admin(row)) {
            return;
        }
        let mut users = removed.iter().filter(|(shape, ..)| shape.kind == Kind::User);
        let last =
            users.find(|(_, id, _)| self.records.row(Kind::User, *id).is_some_and(|row| is_admin(&row)));
        if let Some((_, id, name)) = last {
            self.deleted.remove(&(Kind::User, *id));
            self.plan.notes.push(format!("kept the user {name:?}: it is the last administrator"));
        }
    }

    fn refuse_what_is_needed(&mut self, removed: &[(&'static Shape, i64, String)]) {
        let mut refused = BTreeSet::new();
        for (child, parent_column) in children() {
            let columns = child.kind.table().columns.iter().enumerate();
            let columns: Vec<_> = columns
                .filter(|(_, column)| Some(column.name) != parent_column)
                .filter_map(|(at, column)| Some((at, column.refers?.0)))
                .collect();
            if columns.is_empty() {
                continue;
            }
            for (_, row) in self.future(child.kind) {
                // it goes with what it belongs to
                if let Parent::Column(column, kind) = child.parent
                    && let Cell::Integer(id) = row[child.kind.table().column(column)]
                    && self.deleted.contains(&(kind, id))
                {
                    continue;
                }
                for (at, kind) in &columns {
                    let Cell::Integer(id) = row[*at] else { continue };
                    if self.deleted.contains(&(*kind, id)) && refused.insert((*kind, id)) {
                        self.refuse(removed, *kind, id, child, &row);
                    }
                }
            }
        }
    }

    fn refuse(
        &mut self,
        removed: &[(&'static Shape, i64, String)],
        kind: Kind,
        id: i64,
        by: &'static Shape,
        row: &Row,
    ) {
        let Some((shape, _, name)) = removed.iter().find(|(shape, one, _)| shape.kind == kind && *one == id)
        else {
            return;
        };
        let user = match by.kind {
            // members and attachments have no name without what they belong to
            Kind::User => self.name_of(by, row),
            _ => self.owner(by, row),
        };
        let says = format!(
            "not named, so that pruning would remove it, but the {} {user:?} needs it: name it in the bundle, or \
             change what needs it",
            if by.kind == Kind::User { by.kind.noun() } else { owner_noun(by) },
        );
        self.report(None, &format!("{} {name:?}", shape.list), says);
    }

    fn owner(&self, shape: &Shape, row: &Row) -> String {
        let Parent::Column(column, kind) = shape.parent else { return String::new() };
        let Cell::Integer(id) = row[shape.kind.table().column(column)] else { return String::new() };
        let owner = self.planned.get(&(kind, id)).cloned().or_else(|| self.records.row(kind, id));
        match owner.map(|row| row[kind.table().column("name")].clone()) {
            Some(Cell::Text(name)) => name,
            _ => String::new(),
        }
    }
}

fn owner_noun(shape: &Shape) -> &'static str {
    match shape.parent {
        Parent::Column(_, kind) => kind.noun(),
        _ => shape.kind.noun(),
    }
}

/// Every kind of record, with the column of what it belongs to.
fn children() -> Vec<(&'static Shape, Option<&'static str>)> {
    fn add(shape: &'static Shape, all: &mut Vec<(&'static Shape, Option<&'static str>)>) {
        let column = match shape.parent {
            Parent::Column(column, _) => Some(column),
            Parent::None | Parent::Scope => None,
        };
        all.push((shape, column));
        shape.lists.iter().for_each(|list| add(list, all));
    }
    let mut all = Vec::new();
    for shape in SECTIONS {
        add(shape, &mut all);
    }
    all
}
