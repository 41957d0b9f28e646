//! From records to a bundle: all of them, in an order that depends on nothing but them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use penstock_core::Secret;
use serde_json::{Map, Value};

use super::Bundle;
use super::entry::{API_KEY, Entry, Given};
use super::shape::{Field, Form, Parent, SECTIONS, Shape};
use crate::seal::{Binding, Keyring, SealError, Stored};
use crate::table::{Cell, Row, Scalar as _};
use crate::{Kind, Records, ScopeKind};

/// What becomes of secrets in an export.
#[derive(Clone, Copy, Debug)]
pub enum Secrets<'a> {
    /// They are opened with this, so that the bundle is whole.
    Open(&'a Keyring),
    /// References stand in their place, for someone to fill in; passwords are left out.
    References,
}

impl Bundle {
    /// Everything that operators edit.
    pub fn export(records: &Records, secrets: Secrets<'_>) -> Result<Self, SealError> {
        let mut export = Export { index: Index::of(records), records, secrets, variables: BTreeSet::new() };
        let mut bundle = Self::default();
        for shape in SECTIONS {
            let entries = export.entries(shape, None, "")?;
            bundle.sections.insert(shape.list, entries);
        }
        Ok(bundle)
    }
}

/// The ids of records by what they belong to.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Belonging, Vec<i64>>);

/// A kind of records, and the record that they belong to.
type Belonging = (Kind, Option<(Kind, i64)>);

impl Index {
    pub(super) fn of(records: &Records) -> Self {
        fn add(shape: &Shape, records: &Records, seen: &mut BTreeSet<Kind>, index: &mut Index) {
            if seen.insert(shape.kind) {
                for row in records.rows(shape.kind) {
                    if let Cell::Integer(id) = row[shape.kind.table().column("id")] {
                        index.0.entry((shape.kind, parent_of(shape, &row))).or_default().push(id);
                    }
                }
            }
            shape.lists.iter().for_each(|list| add(list, records, seen, index));
        }
        let (mut index, mut seen) = (Self::default(), BTreeSet::new());
        for shape in SECTIONS {
            add(shape, records, &mut seen, &mut index);
        }
        index
    }

    /// Those that belong to that, by id.
    pub(super) fn children(&self, kind: Kind, parent: Option<(Kind, i64)>) -> &[i64] {
        self.0.get(&(kind, parent)).map_or(&[], Vec::as_slice)
    }
}

fn parent_of(shape: &Shape, row: &Row) -> Option<(Kind, i64)> {
    let table = shape.kind.table();
    match shape.parent {
        Parent::None => None,
        Parent::Column(column, kind) => match row[table.column(column)] {
            Cell::Integer(id) => Some((kind, id)),
            _ => None,
        },
        Parent::Scope => match (&row[table.column("scope")], &row[table.column("scope_id")]) {
            (Cell::Text(scope), Cell::Integer(id)) => {
                Some((scope.parse::<ScopeKind>().map(ScopeKind::kind).ok()?, *id))
            }
            _ => None,
        },
    }
}

/// What stands in a field that is neither secret nor a reference to another record.
pub(super) fn plain(shape: &Shape, field: &Field, row: &Row) -> Given {
    let table = shape.kind.table();
    let cell = &row[table.column(field.column)];
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    if field.inside {
        let Cell::Text(text) = cell else { return Given::Null };
        return match json(text) {
            Value::Object(mut object) => object.remove(field.name).map_or(Given::Null, Given::Plain),
            _ => Given::Null,
        };
    }
    match cell {
        Cell::Null if matches!(field.absent, super::shape::Absent::Empty) => Given::Plain(Map::new().into()),
        Cell::Null | Cell::Bytes(_) => Given::Null,
        Cell::Integer(number) => Given::Plain((*number).into()),
        Cell::Bool(flag) => Given::Plain((*flag).into()),
        Cell::Text(text) => match field.form {
            Form::Object | Form::Texts | Form::Any | Form::Price => {
                let mut value = json(text);
                if let Value::Object(object) = &mut value {
                    let own = shape.fields.iter().filter(|own| own.inside && own.column == field.column);
                    own.for_each(|own| drop(object.remove(own.name)));
                }
                Given::Plain(value)
            }
            _ => Given::Plain(text.as_str().into()),
        },
    }
}

struct Export<'a> {
    index: Index,
    records: &'a Records,
    secrets: Secrets<'a>,
    /// Names of variables that are taken.
    variables: BTreeSet<String>,
}

impl Export<'_> {
    fn entries(
        &mut self,
        shape: &'static Shape,
        parent: Option<(Kind, i64)>,
        prefix: &str,
    ) -> Result<Vec<Entry>, SealError> {
        let ids = self.index.children(shape.kind, parent).to_vec();
        let rows = ids.into_iter().filter_map(|id| Some((id, self.records.row(shape.kind, id)?)));
        let mut rows: Vec<_> = rows.map(|(id, row)| (self.order(shape, id, &row), id, row)).collect();
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        let entry = |(_, id, row): (_, i64, Row)| self.entry(shape, id, &row, prefix);
        rows.into_iter().map(entry).collect()
    }

    /// By name; members in the order in which they are tried, which is their content too.
    fn order(&self, shape: &Shape, id: i64, row: &Row) -> Vec<Cell> {
        let table = shape.kind.table();
        match shape.kind {
            Kind::RouteMember => vec![row[table.column("tier")].clone(), Cell::Integer(id)],
            Kind::Alias | Kind::Rule => std::iter::once(row[table.column("sort_order")].clone())
                .chain(table.natural_of(row))
                .collect(),
            // their natural key is an id, which is nobody's business
            Kind::ProviderRuleSet => {
                let set = shape.field("name").map(|field| self.name_of(field, row));
                let name = match set {
                    Some(Given::Plain(Value::String(name))) => Cell::Text(name),
                    _ => Cell::Null,
                };
                vec![row[table.column("sort_order")].clone(), name]
            }
            _ => table.natural_of(row),
        }
    }

    fn entry(&mut self, shape: &'static Shape, id: i64, row: &Row, prefix: &str) -> Result<Entry, SealError> {
        let mut entry = Entry::default();
        for field in shape.fields {
            let given = match field.form {
                // of a key, the digest is kept, and perhaps the sealed key
                Form::Key | Form::Secret | Form::Proxy => None,
                Form::Password => self.password(field, shape, row),
                Form::Org | Form::Team | Form::Provider | Form::RuleSet => Some(self.name_of(field, row)),
                _ => Some(plain(shape, field, row)),
            };
            if let Some(given) = given {
                entry.fields.insert(field.name, given);
            }
        }
        let named =
            if prefix.is_empty() { entry.name(shape) } else { format!("{prefix} {}", entry.name(shape)) };
        for field in shape.fields.iter().filter(|field| matches!(field.form, Form::Secret | Form::Proxy)) {
            if let Some(given) = self.secret(shape, field, id, row, &entry, prefix)? {
                entry.fields.insert(field.name, given);
            }
        }
        for list in shape.lists {
            let entries = self.entries(list, Some((shape.kind, id)), &named)?;
            entry.lists.insert(list.list, entries);
        }
        Ok(entry)
    }

    fn name_of(&self, field: &Field, row: &Row) -> Given {
        let (kind, table) = match field.form {
            Form::Org => (Kind::Org, Kind::User.table()),
            Form::Team => (Kind::Team, Kind::User.table()),
            Form::Provider => (Kind::Provider, Kind::RouteMember.table()),
            _ => (Kind::RuleSet, Kind::ProviderRuleSet.table()),
        };
        let Cell::Integer(id) = row[table.column(field.column)] else { return Given::Null };
        match self.records.row(kind, id).map(|row| row[kind.table().column("name")].clone()) {
            Some(Cell::Text(name)) => Given::Plain(name.into()),
            _ => Given::Null,
        }
    }

    fn password(&self, field: &Field, shape: &Shape, row: &Row) -> Option<Given> {
        match (self.secrets, &row[shape.kind.table().column(field.column)]) {
            (Secrets::References, _) => None,
            (_, Cell::Text(hash)) => Some(Given::Hidden(Secret::new(hash.clone()))),
            _ => Some(Given::Null),
        }
    }

    fn secret(
        &mut self,
        shape: &Shape,
        field: &Field,
        id: i64,
        row: &Row,
        entry: &Entry,
        prefix: &str,
    ) -> Result<Option<Given>, SealError> {
        let table = shape.kind.table();
        let Some(stored) = Stored::of(&row[table.column(field.column)]) else { return Ok(Some(Given::Null)) };
        match self.secrets {
            Secrets::Open(keyring) => {
                let secret = keyring.open(&stored, &Binding::row(table.name, id, field.column))?;
                Ok(Some(Given::Hidden(secret)))
            }
            // of a key the digest is enough
            Secrets::References if shape.kind == Kind::UserKey => Ok(None),
            Secrets::References => {
                let kind = entry.text("kind").unwrap_or(field.name);
                let words = if shape.kind == Kind::Credential {
                    // as people call it: OPENAI_API_KEY, with the credential's name behind
                    let word = if kind == API_KEY { API_KEY } else { field.name };
                    [prefix, word, entry.text("name").unwrap_or_default()].join(" ")
                } else {
                    [prefix, &entry.name(shape), field.name].join(" ")
                };
                Ok(Some(Given::Hidden(Secret::new(format!("env:{}", self.variable(&words))))))
            }
        }
    }

    /// A name for a variable that no other secret has.
    fn variable(&mut self, words: &str) -> String {
        let sound = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name: String = words.trim().chars().map(sound).collect();
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.variables.contains(name));
        let free = free.unwrap_or(name);
        self.variables.insert(free.clone());
        free
    }
}

/// The fields that are given, for plans.
pub(super) fn shown(given: &Given) -> Value {
    match given {
        Given::Null => Value::Null,
        Given::Plain(value) => value.clone(),
        Given::Hidden(_) => Value::String("[hidden]".to_owned()),
    }
}

/// By name, for those who look records up.
pub(super) type Named = BTreeMap<(Kind, Row), i64>;
