//! What the entry says, over what is there.

use penstock_core::ProxyUrl;
use serde_json::{Map, Value};

use super::change::{Action, FieldChange, PlannedChange};
use super::{Planner, Spot};
use crate::Kind;
use crate::bundle::check::joined;
use crate::bundle::entry::{Entry, Given};
use crate::bundle::export::{plain, shown};
use crate::bundle::shape::{Absent, Field, Form, Shape};
use crate::seal::{Binding, Stored};
use crate::table::{Cell, Row, Scalar as _};

impl Planner<'_> {
    /// Puts the given fields into the row, and plans the record if it is another one then.
    pub(super) fn overlay(&mut self, shape: &'static Shape, entry: &Entry, id: i64, row: Row, spot: &Spot) {
        let table = shape.kind.table();
        let is_new = id < 0;
        let (mut after, mut fields) = (row, Vec::new());
        if shape.kind == Kind::UserKey && !is_new {
            fields.extend(self.moved(id, &mut after, entry, spot));
        }
        // the whole of an object before its parts
        let (parts, wholes): (Vec<_>, Vec<_>) = shape.fields.iter().partition(|field| field.inside);
        for field in wholes.into_iter().chain(parts) {
            let Some(given) = entry.fields.get(field.name) else { continue };
            if shape.kind == Kind::UserKey && is_told_otherwise(field, given) {
                continue;
            }
            let Some(change) = self.field(shape, field, given, id, &mut after, entry, spot) else { continue };
            fields.extend(change);
        }
        fields.extend(self.leave_team(shape, entry, &mut after));
        if is_new {
            fields.retain(|change| !change.to.is_null());
        } else if fields.is_empty() {
            return;
        }
        // in the order in which a bundle has them
        fields.sort_by_key(|change| shape.names().position(|name| name == change.field));
        after[table.column("updated_at")] = Cell::Integer(self.now.0);
        let action = if is_new { Action::Create } else { Action::Change };
        let (kind, name) = (shape.kind.noun(), spot.name.clone());
        self.plan.changes.push(PlannedChange { action, kind, name, fields });
        self.planned.insert((shape.kind, id), after);
    }

    /// One field: `None` if it cannot be, an empty list if it is so already.
    #[expect(clippy::too_many_arguments, reason = "a field, what is said of it, and where")]
    #[expect(clippy::option_option, reason = "it could be read, and if so, whether anything is to change")]
    fn field(
        &mut self,
        shape: &'static Shape,
        field: &'static Field,
        given: &Given,
        id: i64,
        row: &mut Row,
        entry: &Entry,
        spot: &Spot,
    ) -> Option<Option<FieldChange>> {
        let at = shape.kind.table().column(field.column);
        let changed = |from: Value, to: &Given| {
            Some(Some(FieldChange { field: field.name.to_owned(), from, to: shown(to) }))
        };
        match field.form {
            Form::Secret | Form::Proxy => {
                let before = Stored::of(&row[at]);
                let was = before.as_ref().map_or(Value::Null, |_| "[hidden]".into());
                let after = match given {
                    Given::Hidden(secret) => Some(self.resolve(secret, field, entry, spot)?),
                    _ => None,
                };
                if let (Form::Proxy, Some(Err(error))) = (field.form, after.as_ref().map(ProxyUrl::parse)) {
                    self.report(entry.line, &joined(&spot.place, field.name), error.to_string());
                    return None;
                }
                if self.opened(shape, field, id, before.as_ref()) == after
                    && before.is_some() == after.is_some()
                {
                    return Some(None);
                }
                row[at] = after.as_ref().map_or(Cell::Null, |secret| Stored::from(secret).cell());
                changed(was, given)
            }
            Form::Password => {
                let was = if row[at] == Cell::Null { Value::Null } else { "[hidden]".into() };
                if self.password(field, given, id, &mut row[at], entry, spot)? {
                    changed(was, given)
                } else {
                    Some(None)
                }
            }
            Form::Org | Form::Team | Form::Provider | Form::RuleSet => {
                let cell = self.cell(field, given, row, entry, spot)?;
                if cell == row[at] {
                    // of a new record, the name is in its place already
                    return if id < 0 { changed(Value::Null, given) } else { Some(None) };
                }
                let was = self.referred(field, &row[at]);
                row[at] = cell;
                changed(was, given)
            }
            _ => {
                let before = plain(shape, field, row);
                if before == *given && id >= 0 {
                    return Some(None);
                }
                if field.inside || matches!(field.absent, Absent::Empty) {
                    set_object(shape, field, given, row);
                } else {
                    row[at] = self.cell(field, given, row, entry, spot)?;
                }
                changed(if id < 0 { Value::Null } else { shown(&before) }, given)
            }
        }
    }

    fn opened(
        &self,
        shape: &Shape,
        field: &Field,
        id: i64,
        stored: Option<&Stored>,
    ) -> Option<penstock_core::Secret<String>> {
        let place = Binding::row(shape.kind.table().name, id, field.column);
        // one that does not open is not the one that is wanted, whatever it is
        stored.and_then(|stored| self.keyring.open(stored, &place).ok())
    }

    /// A team is one of the organisation: who leaves that leaves it too.
    fn leave_team(&mut self, shape: &Shape, entry: &Entry, row: &mut Row) -> Option<FieldChange> {
        if shape.kind != Kind::User || entry.fields.contains_key("team") {
            return None;
        }
        let table = shape.kind.table();
        let (org, team) = (table.column("org_id"), table.column("team_id"));
        let Cell::Integer(id) = row[team] else { return None };
        let its_org =
            self.records.row(Kind::Team, id).map(|row| row[Kind::Team.table().column("org_id")].clone());
        if its_org.as_ref() == Some(&row[org]) {
            return None;
        }
        let from = shape.field("team").map_or(Value::Null, |field| self.referred(field, &row[team]));
        row[team] = Cell::Null;
        Some(FieldChange { field: "team".to_owned(), from, to: Value::Null })
    }

    /// A key that is another user's now.
    fn moved(&mut self, id: i64, row: &mut Row, entry: &Entry, spot: &Spot) -> Option<FieldChange> {
        let at = Kind::UserKey.table().column("user_id");
        let before = self.records.row(Kind::UserKey, id)?[at].clone();
        if before == row[at] {
            return None;
        }
        let Cell::Integer(user) = before else { return None };
        let name = Kind::User.table().column("name");
        let from = match self.records.row(Kind::User, user).map(|row| row[name].clone()) {
            Some(Cell::Text(name)) => name,
            _ => String::new(),
        };
        if entry.fields.is_empty() {
            self.report(entry.line, &joined(&spot.place, "user"), "expected a key of this user");
        }
        let to = spot.name.split(" / ").next().unwrap_or_default();
        Some(FieldChange { field: "user".to_owned(), from: from.into(), to: to.into() })
    }
}

/// What says which key it is has been looked at, and a prefix cannot be taken away.
fn is_told_otherwise(field: &Field, given: &Given) -> bool {
    matches!(field.form, Form::Key | Form::Digest) || (field.name == "prefix" && *given == Given::Null)
}

/// Sets an object, or one of its keys that has a field of its own, and leaves the others.
fn set_object(shape: &Shape, field: &Field, given: &Given, row: &mut Row) {
    let table = shape.kind.table();
    let at = table.column(field.column);
    let mut object = match &row[at] {
        Cell::Text(text) => serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default(),
        _ => Map::new(),
    };
    match given {
        Given::Plain(value) if field.inside => drop(object.insert(field.name.to_owned(), value.clone())),
        _ if field.inside => drop(object.remove(field.name)),
        Given::Plain(Value::Object(rest)) => {
            let own = |name: &String| shape.fields.iter().any(|field| field.inside && field.name == *name);
            object.retain(|name, _| own(name));
            object.extend(rest.clone());
        }
        _ => {}
    }
    row[at] = if object.is_empty() && table.columns[at].nullable {
        Cell::Null
    } else {
        Cell::Text(Value::Object(object).to_string())
    };
}
