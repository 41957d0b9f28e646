//! Cells of fields, and names of other records.

use serde_json::Value;

use super::{Planner, Spot};
use crate::Kind;
use crate::bundle::check::joined;
use crate::bundle::entry::{Entry, Given};
use crate::bundle::problem::nearest;
use crate::bundle::shape::{Field, Form};
use crate::table::{Cell, Row};

impl Planner<'_> {
    /// The cell of a field that is no secret; `None` after a problem.
    pub(super) fn cell(
        &mut self,
        field: &Field,
        given: &Given,
        row: &Row,
        entry: &Entry,
        spot: &Spot,
    ) -> Option<Cell> {
        let Given::Plain(value) = given else { return Some(Cell::Null) };
        Some(match (field.form, value) {
            (Form::Org | Form::Team | Form::Provider | Form::RuleSet, Value::String(name)) => {
                return self.find(field, name, row, entry, spot).map(Cell::Integer);
            }
            (Form::Price | Form::Object | Form::Texts | Form::Any, value) => Cell::Text(value.to_string()),
            (_, Value::String(text)) => text.as_str().into(),
            (_, Value::Bool(flag)) => Cell::Bool(*flag),
            (_, Value::Number(number)) => number.as_i64().map_or(Cell::Null, Cell::Integer),
            _ => Cell::Null,
        })
    }

    fn find(&mut self, field: &Field, name: &str, row: &Row, entry: &Entry, spot: &Spot) -> Option<i64> {
        let kind = kind(field.form);
        let mut natural = vec![Cell::from(name)];
        if kind == Kind::Team {
            // among those of the organisation that the user is to have
            natural.insert(0, row[Kind::User.table().column("org_id")].clone());
        }
        let found =
            self.made.get(&(kind, natural.clone())).copied().or_else(|| self.records.find(kind, &natural));
        if found.is_none() {
            let known = self.names(kind);
            let mut says = format!("expected {} in the bundle or the store, found {name:?}", article(kind));
            if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
                says = format!("{says}: did you mean {near:?}?");
            }
            self.report(entry.line, &joined(&spot.place, field.name), says);
        }
        found
    }

    /// The names of all records of a kind, also of those that are made.
    fn names(&self, kind: Kind) -> Vec<String> {
        let at = kind.table().column("name");
        let there = self.records.rows(kind).into_iter().map(|row| row[at].clone());
        let made =
            self.made.keys().filter(|(made, _)| *made == kind).filter_map(|(_, key)| key.last().cloned());
        let text = |cell| if let Cell::Text(text) = cell { Some(text) } else { None };
        there.chain(made).filter_map(text).collect()
    }

    /// The name of the record that a cell points at.
    pub(super) fn referred(&self, field: &Field, cell: &Cell) -> Value {
        let kind = kind(field.form);
        let Cell::Integer(id) = cell else { return Value::Null };
        match self.records.row(kind, *id).map(|row| row[kind.table().column("name")].clone()) {
            Some(Cell::Text(name)) => name.into(),
            _ => Value::Null,
        }
    }
}

fn kind(form: Form) -> Kind {
    match form {
        Form::Org => Kind::Org,
        Form::Team => Kind::Team,
        Form::Provider => Kind::Provider,
        _ => Kind::RuleSet,
    }
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Org => "an organisation that is",
        Kind::Team => "a team of the user's organisation that is",
        Kind::Provider => "a provider that is",
        _ => "a rule set that is",
    }
}
