//! Conditions: those that a method of the chain says, and those in the text of `or`, with what that has to
//! be read as.

use std::fmt::Write as _;

use penstock_storage::db::query::{Filter, Operator};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::shapes::{Kind, Shape};
use super::values::{half, part, pattern, value};

const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Eq),
    ("neq", Operator::Neq),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("like", Operator::Like),
    ("ilike", Operator::Ilike),
    ("is", Operator::Is),
    ("in", Operator::In),
    ("contains", Operator::Contains),
    ("cs", Operator::Contains),
];

/// A column, an operator by its name, and a value for it.
pub(super) fn condition(shape: &'static Shape) -> impl Strategy<Value = (String, String, Value)> {
    column(shape).prop_flat_map(move |(name, kind)| {
        select(OPERATORS).prop_flat_map(move |(operator, of)| {
            let value = operand(shape, name, kind, of);
            (Just(name.to_owned()), Just(operator.to_owned()), value)
        })
    })
}

/// A column of the table; seldom one that is not there, or in another case.
fn column(shape: &'static Shape) -> impl Strategy<Value = (&'static str, Kind)> {
    prop_oneof![
        100 => select(shape.columns),
        1 => select(&[("nothing", Kind::Text), ("no name", Kind::Text), ("ID", Kind::Key), ("NAME", Kind::Text)][..]),
    ]
}

fn operand(shape: &Shape, name: &str, kind: Kind, operator: Operator) -> BoxedStrategy<Value> {
    // ids that are made up look alike, and are not the same
    let is_made = name.eq_ignore_ascii_case("id") && !shape.given.contains(&"id");
    match operator {
        Operator::Like | Operator::Ilike if is_made => Just(json!("_")).boxed(),
        Operator::Like | Operator::Ilike => pattern().boxed(),
        Operator::Is => select(vec![Value::Null, Value::Null, json!(true), json!(false), json!("x")]).boxed(),
        Operator::In => prop_oneof![
            20 => vec(value(kind), 0..4).prop_map(Value::from),
            1 => value(kind),
        ]
        .boxed(),
        Operator::Contains => part().boxed(),
        _ if kind == Kind::Integer => prop_oneof![8 => value(kind), 1 => half()].boxed(),
        _ => value(kind).boxed(),
    }
}

/// A condition in a text, and what it says.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    /// `None` if it says nothing that can be understood.
    pub(super) filter: Option<Filter>,
}

/// What `or` may be given.
pub(super) fn said(shape: &'static Shape) -> impl Strategy<Value = Vec<Said>> {
    let leaf = (condition(shape), any::<bool>())
        .prop_map(|((column, operator, value), negated)| leaf(&column, &operator, &value, negated));
    let tree = leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(|inner| group("and", inner)),
            vec(inner.clone(), 1..3).prop_map(|inner| group("or", inner)),
            inner.prop_map(|inner| Said {
                text: format!("not.{}", inner.text),
                filter: inner.filter.map(|filter| Filter::Not(Box::new(filter))),
            }),
        ]
    });
    let wrong = select(vec![
        "",
        "age",
        "age.eq",
        "and(age.eq.1",
        "age.resembles.1",
        "a b.eq.1",
        "age.in.1",
        "age.is.x",
    ])
    .prop_map(|text| Said { text: text.to_owned(), filter: None });
    vec(prop_oneof![60 => tree, 1 => wrong], 1..4)
}

fn group(name: &str, inner: Vec<Said>) -> Said {
    let texts: Vec<&str> = inner.iter().map(|said| said.text.as_str()).collect();
    let text = format!("{name}({})", texts.join(","));
    let filters: Option<Vec<Filter>> = inner.into_iter().map(|said| said.filter).collect();
    let filter = filters.map(if name == "and" { Filter::All } else { Filter::Any });
    Said { text, filter }
}

/// Values are texts there, but for those of `is` and `contains`.
fn leaf(column: &str, name: &str, value: &Value, negated: bool) -> Said {
    let (_, operator) = OPERATORS.iter().find(|(other, _)| *other == name).expect("it is from that list");
    let (text, value) = match (operator, value) {
        (Operator::Is, Value::Null | Value::Bool(_)) | (Operator::Contains, _) => {
            (value.to_string(), value.clone())
        }
        (Operator::Is, _) => return Said { text: format!("{column}.is.1"), filter: None },
        (Operator::In, Value::Array(values)) => {
            let texts: Vec<String> = values.iter().map(written).collect();
            (format!("({})", texts.join(",")), values.iter().map(read).collect())
        }
        (Operator::In, value) => (format!("({})", written(value)), json!([read(value)])),
        (_, value) => (written(value), read(value)),
    };
    let not = if negated { "not." } else { "" };
    let compare = Filter::Compare { column: column.to_owned(), operator: *operator, value };
    let is_name = !column.contains(' ');
    let filter = is_name.then(|| if negated { Filter::Not(Box::new(compare)) } else { compare });
    Said { text: format!("{column}.{not}{name}.{text}"), filter }
}

/// In quotes unless it is plain.
fn written(value: &Value) -> String {
    let text = match value {
        Value::Null => return "null".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text != "null"
        && !text.is_empty()
        && text.chars().all(|sign| sign.is_alphanumeric() || "-%_.".contains(sign))
    {
        return text;
    }
    let mut quoted = String::from("\"");
    for sign in text.chars() {
        let escape = if matches!(sign, '"' | '\\') { "\\" } else { "" };
        write!(quoted, "{escape}{sign}").expect("a text takes everything");
    }
    quoted + "\""
}

fn read(value: &Value) -> Value {
    match value {
        Value::Null | Value::String(_) => value.clone(),
        other => Value::from(other.to_string()),
    }
}
