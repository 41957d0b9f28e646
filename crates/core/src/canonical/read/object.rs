//! The fields of one object.

use super::{FromJson, Path, ReadError};
use crate::Json;

/// An object that is read field by field.
pub(super) struct Object<'a> {
    path: Path<'a>,
    members: Vec<(String, Json)>,
}

impl<'a> Object<'a> {
    pub(super) fn of(json: &Json, path: Path<'a>) -> Result<Self, ReadError> {
        let members = json.members().ok_or_else(|| path.expected("an object", json))?;
        Ok(Self { path, members })
    }

    /// The field as it is; `null` is as good as nothing.
    pub(super) fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.members.iter().rposition(|(key, _)| key == name)?;
        let (_, value) = self.members.remove(at);
        (!value.is_null()).then_some(value)
    }

    pub(super) fn optional<T: FromJson>(&mut self, name: &str) -> Result<Option<T>, ReadError> {
        let found = self.take(name);
        found.map(|value| T::from_json(&value, self.path.field(name))).transpose()
    }

    pub(super) fn required<T: FromJson>(&mut self, name: &str, what: &str) -> Result<T, ReadError> {
        let found = self.optional(name)?;
        found.ok_or_else(|| self.path.field(name).problem(format!("expected {what}, found nothing")))
    }

    pub(super) fn or_default<T: FromJson + Default>(&mut self, name: &str) -> Result<T, ReadError> {
        Ok(self.optional(name)?.unwrap_or_default())
    }

    /// What stands where `name` does.
    pub(super) fn problem(&self, name: &str, problem: impl Into<String>) -> ReadError {
        self.path.field(name).problem(problem)
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), ReadError> {
        match self.members.first() {
            None => Ok(()),
            Some((name, _)) => Err(self.path.field(name).problem("expected no such field, found one")),
        }
    }
}
