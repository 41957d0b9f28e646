//! The tree.

use serde_json::{Map, Number, Value};

/// A value, and the line it stands in.
#[derive(Clone)]
pub(in super::super) struct Node {
    pub(in super::super) line: Option<usize>,
    pub(in super::super) content: Content,
}

/// What a value is.
#[derive(Clone)]
pub(in super::super) enum Content {
    Null,
    Flag(bool),
    /// By its text, so that an amount of money is read exactly.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Pair>),
}

/// A field of an object.
#[derive(Clone)]
pub(in super::super) struct Pair {
    pub(in super::super) key: String,
    pub(in super::super) line: Option<usize>,
    pub(in super::super) node: Node,
}

impl Node {
    /// As JSON.
    pub(in super::super) fn value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Flag(flag) => Value::Bool(*flag),
            Content::Number(text) => number(text).map_or_else(|| Value::String(text.clone()), Value::Number),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::value).collect(),
            Content::Map(pairs) => Value::Object(
                pairs.iter().map(|pair| (pair.key.clone(), pair.node.value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// What it is, for people; a text is not quoted.
    pub(in super::super) fn noun(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Flag(true) => "true",
            Content::Flag(false) => "false",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "an object",
        }
    }
}

/// A number in any of the spellings of JSON, YAML and TOML.
pub(in super::super) fn number(text: &str) -> Option<Number> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    serde_json::from_str(text).ok().or_else(|| Number::from_f64(text.parse().ok()?))
}
