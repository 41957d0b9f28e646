//! What only one dialect has, carried through the canonical form.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Dialect, Json};

/// Fields of one dialect that the canonical form does not model, in the order in which they came.
///
/// A field whose name begins with `~` is no field of the wire object at this place. If it is an object, it
/// holds the fields of a wire object for which the canonical form has no place (`~choice`, say). Else it
/// notes how something was *spelt* where a dialect knows several ways, so that the same dialect spells
/// it so again; nothing is lost without it.
pub type Fields = Vec<(String, Json)>;

/// Per-dialect [`Fields`], at every level of a request or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(Vec<(Dialect, Fields)>);

impl Extensions {
    /// These fields of `dialect`.
    pub fn new(dialect: Dialect, fields: Fields) -> Self {
        if fields.is_empty() { Self::default() } else { Self(vec![(dialect, fields)]) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields of `dialect`.
    pub fn of(&self, dialect: Dialect) -> &[(String, Json)] {
        self.0.iter().find(|(own, _)| *own == dialect).map_or(&[], |(_, fields)| fields)
    }

    /// A field of `dialect`.
    pub fn get(&self, dialect: Dialect, name: &str) -> Option<&Json> {
        self.of(dialect).iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Sets a field of `dialect`.
    pub fn set(&mut self, dialect: Dialect, name: &str, value: Json) {
        let fields = self.fields_mut(dialect);
        match fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, known)) => *known = value,
            None => fields.push((name.to_owned(), value)),
        }
    }

    /// The fields of all dialects.
    pub fn iter(&self) -> impl Iterator<Item = (Dialect, &str, &Json)> {
        self.0
            .iter()
            .flat_map(|(dialect, fields)| fields.iter().map(|(name, value)| (*dialect, name.as_str(), value)))
    }

    /// Adds what a later piece of a stream says; see [`Json::accumulate`].
    pub fn accumulate(&mut self, more: Self) {
        for (dialect, fields) in more.0 {
            let known = self.fields_mut(dialect);
            for (name, value) in fields {
                match known.iter_mut().find(|(field, _)| *field == name) {
                    Some((_, known)) => known.accumulate(value, &[]),
                    None => known.push((name, value)),
                }
            }
        }
    }

    fn fields_mut(&mut self, dialect: Dialect) -> &mut Fields {
        let at = self.0.iter().position(|(own, _)| *own == dialect).unwrap_or_else(|| {
            self.0.push((dialect, Fields::new()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

impl Serialize for Extensions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Object<'a>(&'a Fields);
        impl Serialize for Object<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
            }
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (dialect, fields) in &self.0 {
            map.serialize_entry(dialect, &Object(fields))?;
        }
        map.end()
    }
}
