//! The form of a bundle, as data: which fields each kind of record has, and where they stand in its table.
//!
//! Reading, planning, exporting and the docs go by these tables, so that none of them knows a field of which
//! the others know nothing. A test holds that every column of every record has its place here.

mod field;
mod identity;
mod limits;
mod providers;
mod routing;
mod settings;

pub(super) use self::field::{Absent, Field, Form};
pub(super) use self::identity::ORGS;
use self::identity::{DELETED_KEYS, USERS};
use self::providers::{PROVIDERS, RULE_SETS};
use self::routing::{ALIASES, ROUTES};
use self::settings::SETTINGS;
use crate::Kind;

/// A kind of record as a bundle has it.
#[derive(Debug)]
pub(super) struct Shape {
    /// The name of the list of them.
    pub(super) list: &'static str,
    /// The kind.
    pub(super) kind: Kind,
    /// What they belong to.
    pub(super) parent: Parent,
    /// The field that an entry is, if it is a text alone.
    pub(super) short: Option<&'static str>,
    /// The fields that tell entries of one list apart.
    pub(super) named_by: &'static [&'static str],
    /// Its fields, in the order in which they are written.
    pub(super) fields: &'static [Field],
    /// What belongs to it.
    pub(super) lists: &'static [&'static Shape],
}

/// What a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// Nothing.
    None,
    /// The record in this column.
    Column(&'static str, Kind),
    /// A scope.
    Scope,
}

/// The sections, each after those it refers to.
pub(super) const SECTIONS: [&Shape; 8] =
    [&RULE_SETS, &PROVIDERS, &ROUTES, &ALIASES, &ORGS, &USERS, &DELETED_KEYS, &SETTINGS];

impl Shape {
    /// The field of that name.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The list of that name.
    pub(super) fn sublist(&self, name: &str) -> Option<&'static Shape> {
        self.lists.iter().copied().find(|shape| shape.list == name)
    }

    /// The names of all that an entry may have.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name).chain(self.lists.iter().map(|shape| shape.list))
    }
}

#[cfg(test)]
mod tests;
