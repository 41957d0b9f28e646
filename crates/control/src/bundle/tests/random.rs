//! Any bundle: what it says is what an export says afterwards.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{OPTIONS, PRUNE, Shelf};
use crate::bundle::shape::{Absent, Field, Form, SECTIONS, Shape};
use crate::bundle::{Bundle, Format};
use crate::{KeyDigest, Kind};

const NAMES: [&str; 4] = ["alpha", "beta", "gamma", "del-ta.1"];

/// Any value for a field.
fn value(field: &'static Field) -> BoxedStrategy<Value> {
    let text = prop_oneof!["[a-z/*?]{1,8}", "\\PC{1,12}"]
        .prop_filter("a text", |text: &String| !text.trim().is_empty());
    let sound = match field.form {
        Form::Text => text.prop_map(Value::String).boxed(),
        Form::Name | Form::ProviderName | Form::Provider | Form::RuleSet => {
            select(&NAMES).prop_map(Value::from).boxed()
        }
        Form::Org => Just(Value::from("default")).boxed(),
        Form::Team | Form::Password => return Just(Value::Null).boxed(),
        Form::Url => "https?://[a-z]{1,9}(:[0-9]{1,4})?(/[a-z]{0,5})?".prop_map(Value::String).boxed(),
        Form::Pattern => "[a-z]{1,3}(\\.\\*|\\([0-9]\\)|\\[x-z\\]){0,2}".prop_map(Value::String).boxed(),
        Form::Flag => any::<bool>().prop_map(Value::Bool).boxed(),
        Form::Count => (0..i64::MAX).prop_map(Value::from).boxed(),
        Form::Integer => any::<i64>().prop_map(Value::from).boxed(),
        Form::Money => (0_u64..1_000_000_000)
            .prop_map(|micro| {
                penstock_core::Usd::for_tokens("1".parse().unwrap_or_default(), micro).to_string().into()
            })
            .boxed(),
        Form::Price => prop::option::of(0_u32..99)
            .prop_map(|n| {
                n.map_or(
                    json!({}),
                    |n| json!({"input": format!("0.{n}"), "tiers": [{"above": "7", "output": "1"}]}),
                )
            })
            .boxed(),
        Form::Object => text.prop_map(|text| json!({"x": {"y": text, "n": 1.5}})).boxed(),
        Form::Texts => prop::collection::vec(text, 0..3).prop_map(|texts| json!(texts)).boxed(),
        Form::Any => text.prop_map(|text| json!([text, {"a": true}])).boxed(),
        Form::Word(words) => select(words()).prop_map(Value::from).boxed(),
        Form::Moment => (0_i64..4_000_000_000_000).prop_map(super::super::form::written_moment).boxed(),
        Form::Secret | Form::Key => "sk-[a-zA-Z0-9]{20}".prop_map(Value::String).boxed(),
        Form::Proxy => "socks5://u:[a-z0-9]{9}@[a-z]{3}:1080".prop_map(Value::String).boxed(),
        Form::Digest => "[a-z]{6}".prop_map(|key| KeyDigest::of(&key).to_string().into()).boxed(),
    };
    match field.absent {
        Absent::Null => prop_oneof![1 => Just(Value::Null), 3 => sound].boxed(),
        _ => sound,
    }
}

/// Any entry, with all of its fields and lists.
fn entry(shape: &'static Shape, depth: usize) -> BoxedStrategy<Value> {
    let told = |field: &&'static Field| match shape.kind {
        // of a key one thing says which it is; what stands in `settings` of a route is nothing or something
        Kind::UserKey => !matches!(field.form, Form::Key | Form::Secret),
        _ => true,
    };
    let fields: Vec<_> = shape
        .fields
        .iter()
        .filter(told)
        .map(|field| value(field).prop_map(move |value| (field.name, value)))
        .collect();
    let lists: Vec<_> = shape
        .lists
        .iter()
        .map(|list| entries(list, depth + 1).prop_map(move |value| (list.list, value)))
        .collect();
    (fields, lists)
        .prop_map(move |(fields, lists)| {
            let mut object: Map<String, Value> =
                fields.into_iter().chain(lists).map(|(name, value)| (name.to_owned(), value)).collect();
            tidy(shape, &mut object);
            Value::Object(object)
        })
        .boxed()
}

fn tidy(shape: &Shape, object: &mut Map<String, Value>) {
    match shape.kind {
        Kind::UserKey => {
            if object["digest"].is_null() {
                object.insert(
                    "digest".to_owned(),
                    KeyDigest::of(&object["label"].to_string()).to_string().into(),
                );
            }
            if object["prefix"].is_null() {
                object.insert("prefix".to_owned(), "sk-x".into());
            }
        }
        // as the default kind is written
        Kind::Credential if object["kind"] == "api_key" => {
            if let Some(secret) = object.remove("secret") {
                object.insert("api_key".to_owned(), secret);
            }
        }
        _ => {}
    }
}

/// Any list, with each name once.
fn entries(shape: &'static Shape, depth: usize) -> BoxedStrategy<Value> {
    let most = if depth == 0 { 4 } else { 3 };
    prop::collection::vec(entry(shape, depth), 0..most)
        .prop_map(move |entries| {
            let named = |entry: Value| {
                let name: Vec<_> = if shape.kind == Kind::UserKey {
                    vec![entry["digest"].to_string()]
                } else {
                    shape.named_by.iter().map(|name| entry[*name].to_string()).collect()
                };
                (name, entry)
            };
            entries.into_iter().map(named).collect::<BTreeMap<_, _>>().into_values().collect::<Value>()
        })
        .boxed()
}

fn bundle() -> impl Strategy<Value = Value> {
    let sections: Vec<_> = SECTIONS
        .into_iter()
        .map(|shape| {
            prop_oneof![1 => Just(None), 4 => entries(shape, 0).prop_map(Some)]
                .prop_map(move |value| (shape.list, value))
        })
        .collect();
    sections.prop_map(|sections| {
        let mut whole: Map<_, _> =
            sections.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        whole.insert("penstock".to_owned(), 1.into());
        // what is referred to is there
        let names = || NAMES.iter().map(|name| json!({"name": name}));
        for list in ["rule_sets", "providers"] {
            let Value::Array(entries) = whole.entry(list).or_insert_with(|| json!([])) else { continue };
            for named in names() {
                if !entries.iter().any(|entry| entry["name"] == named["name"]) {
                    entries.push(named);
                }
            }
        }
        once(&mut whole);
        Value::Object(whole)
    })
}

/// A key is one user's.
fn once(whole: &mut Map<String, Value>) {
    let mut seen = std::collections::HashSet::new();
    let users = whole.get_mut("users").and_then(Value::as_array_mut);
    for user in users.into_iter().flatten() {
        if let Some(keys) = user["keys"].as_array_mut() {
            keys.retain(|key| seen.insert(key["digest"].to_string()));
        }
    }
}

/// Whether everything of the one is in the other: entries by name, fields by value.
fn contains(shape: Option<&'static Shape>, said: &Value, found: &Value, path: &str) -> Result<(), String> {
    match (said, found) {
        (Value::Array(said), Value::Array(found)) if shape.is_some() => {
            for entry in said {
                let same = |other: &&Value| named(shape, entry) == named(shape, other);
                let other = found.iter().find(same).ok_or_else(|| format!("{path}: {entry} is not there"))?;
                contains(shape, entry, other, path)?;
            }
            Ok(())
        }
        (Value::Object(said), Value::Object(found)) if shape.is_some() => {
            for (name, value) in said {
                let list = shape.and_then(|shape| shape.sublist(name));
                let none = Value::Null;
                contains(list, value, found.get(name).unwrap_or(&none), &format!("{path}.{name}"))?;
            }
            Ok(())
        }
        (Value::Object(_), Value::String(text)) if shape.is_some() => {
            let short = shape.and_then(|shape| shape.short).unwrap_or_default();
            contains(shape, said, &json!({ short: text }), path)
        }
        _ if said == found => Ok(()),
        _ => Err(format!("{path}: said {said}, found {found}")),
    }
}

fn named(shape: Option<&Shape>, entry: &Value) -> Vec<String> {
    let Some(shape) = shape else { return Vec::new() };
    if let (Some(short), Value::String(text)) = (shape.short, entry) {
        return named(Some(shape), &json!({ short: text }));
    }
    if shape.kind == Kind::UserKey {
        return vec![entry["digest"].to_string()];
    }
    let of = |name: &&str| match (&entry[*name], *name) {
        (Value::Null, "instance") => "\"default\"".to_owned(),
        (value, _) => value.to_string(),
    };
    shape.named_by.iter().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_a_bundle_says_is_what_an_export_says(value in bundle()) {
        let text = value.to_string();
        let bundle = Bundle::read(&text, Format::Json).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let written = Bundle::read(&bundle.to_json(), Format::Json).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&written, &bundle);

        let mut shelf = Shelf::new();
        shelf.apply(&bundle, OPTIONS).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let again = shelf.plan(&bundle, OPTIONS).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(again.is_empty(), "{:?}", super::lines(&again));
        let export = shelf.json();
        for shape in SECTIONS {
            let Some(said) = value.get(shape.list) else { continue };
            let found = match &export[shape.list] {
                one @ Value::Object(_) => json!([one]),
                list => list.clone(),
            };
            if let Value::Array(list) = &found && shape.kind != Kind::Org {
                prop_assert_eq!(said.as_array().map(Vec::len), Some(list.len()), "{}", shape.list);
            }
            let said = match said {
                Value::Array(list) => list.iter().cloned().map(without_instance).collect(),
                other => other.clone(),
            };
            contains(Some(shape), &said, &found, shape.list).map_err(TestCaseError::fail)?;
        }

        // the export is the whole: another store becomes the same of it, byte for byte, and the same one nothing else
        let text = shelf.export().to_json();
        let read = Bundle::read(&text, Format::Json).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut other = Shelf::new();
        other.apply(&read, PRUNE).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(other.export().to_json(), text);
        let none = shelf.plan(&read, PRUNE).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(none.is_empty(), "{:?}", super::lines(&none));
    }
}

/// One instance alone is written without its name, if it is the one for all.
fn without_instance(mut entry: Value) -> Value {
    if entry["instance"] == "default"
        && let Some(object) = entry.as_object_mut()
    {
        object.remove("instance");
    }
    entry
}
