//! JSON. Each value is taken as a slice of the text, whose place says the line.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{BundleProblem, Content, DEPTH, Lines, Node, Pair, too_deep};

pub(super) fn parse(text: &str) -> Result<Node, BundleProblem> {
    // before anything is looked at in part: a fault anywhere is told with its line
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| broken(&error))?;
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| broken(&error))?;
    Reader { text, lines: Lines::of(text) }.node(whole, 0)
}

fn broken(error: &serde_json::Error) -> BundleProblem {
    let says = error.to_string();
    // the line is told once, and in front
    let says = says.rsplit_once(" at line ").map_or(says.as_str(), |(says, _)| says);
    BundleProblem::at(Some(error.line()), format!("not JSON: {says}"))
}

struct Reader<'a> {
    text: &'a str,
    lines: Lines,
}

impl Reader<'_> {
    fn line(&self, raw: &RawValue) -> usize {
        self.lines.line(raw.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr()))
    }

    fn node(&self, raw: &RawValue, depth: usize) -> Result<Node, BundleProblem> {
        let line = Some(self.line(raw));
        if depth > DEPTH {
            return Err(too_deep(line));
        }
        let text = raw.get();
        let content = match text.as_bytes().first() {
            Some(b'{') => {
                let Fields(fields) = read(text)?;
                let pair = |(key, raw): (String, &RawValue)| {
                    Ok(Pair { key, line: Some(self.line(raw)), node: self.node(raw, depth + 1)? })
                };
                Content::Map(fields.into_iter().map(pair).collect::<Result<_, _>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = read(text)?;
                Content::List(
                    items.into_iter().map(|raw| self.node(raw, depth + 1)).collect::<Result<_, _>>()?,
                )
            }
            Some(b'"') => Content::Text(read(text)?),
            Some(b't') => Content::Flag(true),
            Some(b'f') => Content::Flag(false),
            Some(b'n') | None => Content::Null,
            Some(_) => Content::Number(text.to_owned()),
        };
        Ok(Node { line, content })
    }
}

fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, BundleProblem> {
    serde_json::from_str(text).map_err(|error| broken(&error))
}

/// The fields of an object in their order, also those that are there twice.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(All)
    }
}
