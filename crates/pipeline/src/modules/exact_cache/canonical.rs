//! One spelling for each JSON value: keys sorted, no space, texts escaped in one way, numbers by their text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// How deep a value is looked into. What is below counts as it is spelt.
const DEPTH: usize = 64;

#[derive(Deserialize)]
#[serde(transparent)]
struct Members<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);

/// A text that is copied only where it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Writes `value` to `out`.
pub(super) fn write(value: &RawValue, out: &mut Vec<u8>) {
    write_within(value.get(), out, DEPTH);
}

fn write_within(text: &str, out: &mut Vec<u8>, depth: usize) {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let done = match text.as_bytes().first() {
        Some(b'{') if depth > 0 => object(text, out, depth - 1),
        Some(b'[') if depth > 0 => array(text, out, depth - 1),
        Some(b'"') => string(text, out),
        _ => None,
    };
    if done.is_none() {
        // a number, a word, half of a surrogate pair
        out.extend_from_slice(text.as_bytes());
    }
}

/// Of a key that is there twice the last counts, as for every parser in use.
fn object(text: &str, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    let Members(members) = serde_json::from_str(text).ok()?;
    out.push(b'{');
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, key).ok()?;
        out.push(b':');
        write_within(value.get(), out, depth);
    }
    out.push(b'}');
    Some(())
}

fn array(text: &str, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    out.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_within(element.get(), out, depth);
    }
    out.push(b']');
    Some(())
}

fn string(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let Text(text) = serde_json::from_str(text).ok()?;
    serde_json::to_writer(out, &text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        let mut out = Vec::new();
        write(&raw, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn order_space_and_escapes_make_no_difference() {
        let one = written(r#"{"b":[1.0, {"y":"\u0078","x":null}],"a":"caf\u00e9\/"}"#);
        assert_eq!(one, r#"{"a":"café/","b":[1.0,{"x":null,"y":"x"}]}"#);
        assert_eq!(written(&one), one);
    }

    #[test]
    fn numbers_and_halves_of_characters_stay_as_they_are_spelt() {
        for text in ["1.0", "1", "2e3", "18446744073709551616", r#""a\ud83d""#] {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn a_value_of_any_depth_is_written() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(written(&deep), deep);
    }
}
