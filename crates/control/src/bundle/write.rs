//! From a bundle to JSON: fields in the order of their tables, whatever order they were given in.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::entry::{API_KEY, Entry, Given};
use super::form::written_moment;
use super::shape::{Form, SECTIONS, Shape};
use super::{Bundle, VERSION};
use crate::DEFAULT_INSTANCE;

impl Serialize for Bundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("penstock", &VERSION)?;
        for shape in SECTIONS {
            let Some(entries) = self.sections.get(shape.list) else { continue };
            match entries.as_slice() {
                // the one instance that holds for all needs no list
                [only] if shape.list == "settings" && only.text("instance") == Some(DEFAULT_INSTANCE) => {
                    let mut only = only.clone();
                    only.fields.remove("instance");
                    map.serialize_entry(shape.list, &Written(shape, &only))?;
                }
                _ => map.serialize_entry(shape.list, &all(shape, entries))?,
            }
        }
        map.end()
    }
}

fn all<'a>(shape: &'static Shape, entries: &'a [Entry]) -> Vec<Written<'a>> {
    entries.iter().map(|entry| Written(shape, entry)).collect()
}

struct Written<'a>(&'static Shape, &'a Entry);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(shape, entry) = self;
        if let (Some(short), 1, 0) = (shape.short, entry.fields.len(), entry.lists.len())
            && let Some(text) = entry.text(short)
        {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(None)?;
        let is_api_key = shape.list == "credentials" && entry.text("kind") == Some(API_KEY);
        for field in shape.fields {
            let Some(given) = entry.fields.get(field.name) else { continue };
            let name = match field.name {
                "kind" if is_api_key && entry.fields.contains_key("secret") => continue,
                "secret" if is_api_key => API_KEY,
                name => name,
            };
            match given {
                Given::Null => map.serialize_entry(name, &Value::Null)?,
                Given::Plain(Value::Number(millis)) if matches!(field.form, Form::Moment) => {
                    map.serialize_entry(name, &written_moment(millis.as_i64().unwrap_or_default()))?;
                }
                Given::Plain(value) => map.serialize_entry(name, value)?,
                // a bundle with secrets is what was asked for
                Given::Hidden(secret) => map.serialize_entry(name, secret.expose())?,
            }
        }
        for list in shape.lists {
            if let Some(entries) = entry.lists.get(list.list) {
                map.serialize_entry(list.list, &all(list, entries))?;
            }
        }
        map.end()
    }
}
