//! Entries: what a bundle says of a record, by the names of its fields.

use std::collections::BTreeMap;

use penstock_core::Secret;
use serde_json::Value;

use super::shape::Shape;

/// The kind of a credential that is a key of an API, which is written as `api_key`.
pub(super) const API_KEY: &str = "api_key";

/// What is said of one record. A field that is not given is left as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// The line it stands in.
    pub(super) line: Option<usize>,
    pub(super) fields: BTreeMap<&'static str, Given>,
    /// What belongs to it, by the names of the lists.
    pub(super) lists: BTreeMap<&'static str, Vec<Entry>>,
}

/// What is said of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    /// `null`: there is to be nothing.
    Null,
    /// A value, in the one form it has in the store.
    Plain(Value),
    /// A secret, or where it is.
    Hidden(Secret<String>),
}

/// Where an entry stands means nothing.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields && self.lists == other.lists
    }
}

impl Entry {
    /// A field that is a text and not secret.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.fields.get(name) {
            Some(Given::Plain(Value::String(text))) => Some(text),
            _ => None,
        }
    }

    /// A field that is a secret.
    pub(super) fn hidden(&self, name: &str) -> Option<&Secret<String>> {
        match self.fields.get(name) {
            Some(Given::Hidden(secret)) => Some(secret),
            _ => None,
        }
    }

    /// What tells it from others of its list; what is secret of it may not be shown.
    pub(super) fn identity(&self, shape: &Shape) -> Vec<Given> {
        let of = |name: &&'static str| {
            let absent = shape.field(name).map(|field| field.absent);
            let default = match absent {
                Some(super::shape::Absent::Text(text)) => Given::Plain(text.into()),
                _ => Given::Null,
            };
            self.fields.get(name).cloned().unwrap_or(default)
        };
        shape.named_by.iter().map(of).collect()
    }

    /// The name for people, such as `openai` or `generate openai_chat`.
    pub(super) fn name(&self, shape: &Shape) -> String {
        if shape.list == "keys" {
            let shown = ["label", "prefix", "digest"].into_iter().find_map(|name| self.text(name));
            return shown.map_or_else(|| "(a key)".to_owned(), |name| name.chars().take(40).collect());
        }
        let shown = |given: Given| match given {
            Given::Plain(Value::String(text)) => Some(text),
            Given::Plain(value) => Some(value.to_string()),
            Given::Null | Given::Hidden(_) => None,
        };
        self.identity(shape).into_iter().filter_map(shown).collect::<Vec<_>>().join(" ")
    }
}
