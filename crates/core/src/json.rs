//! JSON that is carried as text, so that nothing in it changes: not a number's spelling, not the order
//! of keys.
//!
//! Equality is that of the values, numbers by their text: `1.0` is not `1`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// How deep [`Json::accumulate`] and equality look; below that, values are compared and replaced whole.
const DEPTH: usize = 64;

/// Any JSON value, as it was written.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The value that `text` is, or `None` if it is not JSON.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        RawValue::from_string(text.into()).ok().map(Self)
    }

    /// `value` as JSON.
    ///
    /// # Panics
    ///
    /// If `value` cannot be serialised: a map whose keys are no texts.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Self {
        Self(serde_json::value::to_raw_value(value).expect("texts, numbers and lists of them serialise"))
    }

    /// The value with these members.
    pub fn object<K: AsRef<str>>(members: &[(K, Self)]) -> Self {
        struct Object<'a, K>(&'a [(K, Json)]);
        impl<K: AsRef<str>> Serialize for Object<'_, K> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(key, value)| (key.as_ref(), value)))
            }
        }
        Self::of(&Object(members))
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Its text, as a value of the JSON library.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// The string it is, if it is one.
    pub fn as_str(&self) -> Option<Cow<'_, str>> {
        self.read().map(|Borrowed(text)| text)
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// What it is, for messages that must not show it.
    pub fn kind(&self) -> &'static str {
        kind(self.text())
    }

    /// Its members, in order, if it is an object.
    pub fn members(&self) -> Option<Vec<(String, Self)>> {
        self.read::<Members>().map(|Members(members)| members)
    }

    /// The member of that name; of several the last.
    pub fn get(&self, name: &str) -> Option<Self> {
        self.members()?.into_iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Its elements, if it is an array.
    pub fn elements(&self) -> Option<Vec<Self>> {
        self.read()
    }

    /// It, read as a `T`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_str(self.text()).ok()
    }

    /// Adds what a later piece of a stream says: lists grow, objects merge, `null` says nothing, anything
    /// else is replaced; texts under the keys `joined` are joined.
    pub fn accumulate(&mut self, more: Self, joined: &[&str]) {
        *self = merged(self, more, false, joined, DEPTH);
    }
}

fn merged(old: &Json, more: Json, join: bool, joined: &[&str], depth: usize) -> Json {
    if more.is_null() {
        return old.clone();
    }
    if depth == 0 {
        return more;
    }
    if let (Some(mut list), Some(further)) = (old.elements(), more.elements()) {
        list.extend(further);
        return Json::of(&list);
    }
    if join && let (Some(text), Some(further)) = (old.as_str(), more.as_str()) {
        return Json::of(&(text + &*further));
    }
    let (Some(mut members), Some(further)) = (old.members(), more.members()) else {
        return more;
    };
    for (key, value) in further {
        match members.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = merged(known, value, joined.contains(&&*key), joined, depth - 1),
            None => members.push((key, value)),
        }
    }
    Json::object(&members)
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl fmt::Debug for Json {
    /// Shows no content: it may be a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.text().len())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        same(self, other, DEPTH)
    }
}

impl Eq for Json {}

fn same(one: &Json, other: &Json, depth: usize) -> bool {
    if one.text() == other.text() {
        return true;
    }
    if depth == 0 {
        return false;
    }
    if let (Some(one), Some(other)) = (one.members(), other.members()) {
        // of a key that is there twice the last counts, as for every parser in use
        let [one, other] = [one, other].map(BTreeMap::from_iter);
        let pairs = || one.iter().zip(&other);
        return one.len() == other.len() && pairs().all(|(a, b)| a.0 == b.0 && same(a.1, b.1, depth - 1));
    }
    if let (Some(one), Some(other)) = (one.elements(), other.elements()) {
        return one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| same(a, b, depth - 1));
    }
    matches!((one.as_str(), other.as_str()), (Some(one), Some(other)) if one == other)
}

/// A text that is copied only where it has escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// A text, kept as the JSON string that it came as: most texts only pass through, and what is not looked at
/// costs nothing.
#[derive(Clone)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// This text.
    ///
    /// # Panics
    ///
    /// Never: every text is a JSON string.
    pub fn new(text: &str) -> Self {
        Self(serde_json::value::to_raw_value(text).expect("a text is a JSON string"))
    }

    /// The text that a JSON value is, if it is one.
    pub fn of(raw: &RawValue) -> Option<Self> {
        raw.get().starts_with('"').then(|| Self(raw.to_owned()))
    }

    /// The text itself. Half of a surrogate pair, which is no text, stays in its escapes.
    pub fn to_str(&self) -> Cow<'_, str> {
        unescaped(&self.0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.get().len() == 2
    }

    /// The JSON string.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// Adds more text at the end.
    pub fn push_str(&mut self, more: &str) {
        *self = Self::new(&(self.to_str() + more));
    }
}

/// The text that a JSON string stands for.
pub fn unescaped(raw: &RawValue) -> Cow<'_, str> {
    let inside = || raw.get().trim_matches('"');
    serde_json::from_str(raw.get()).map_or_else(|_| Cow::Borrowed(inside()), |Borrowed(text)| text)
}

impl Default for JsonText {
    fn default() -> Self {
        Self::new("")
    }
}

impl From<&str> for JsonText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for JsonText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Debug for JsonText {
    /// Shows no content: it may be a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.0.get().len())
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get() || self.to_str() == other.to_str()
    }
}

impl Eq for JsonText {}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(Box<str>);

impl Number {
    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// It as a whole number, if it is one that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// It as a float, for comparisons; it is never sent on in this form.
    pub fn as_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Ok(Self(text.into()));
        }
        Err(D::Error::custom(format!("expected a number, found {}", kind(text))))
    }
}

/// What a JSON text is, for messages that must not show it.
fn kind(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_their_text() {
        assert_eq!(json(r#"{"a":1.0,"b":[2e3, "x"]}"#), json(r#"{ "b":[2e3,"\u0078"],"a":1.0}"#));
        assert_ne!(json("1.0"), json("1"));
        assert_ne!(json("18446744073709551616"), json("18446744073709551617"));
        assert_ne!(json("null"), json("\"null\""));
    }

    #[test]
    fn pieces_accumulate() {
        let mut value = json(r#"{"a":[1],"b":{"c":null},"d":"x"}"#);
        value.accumulate(json(r#"{"a":[2.0],"b":{"c":[3]},"d":"y","e":true}"#), &["d"]);
        value.accumulate(json(r#"{"a":null,"e":false}"#), &[]);
        assert_eq!(value, json(r#"{"a":[1,2.0],"b":{"c":[3]},"d":"xy","e":false}"#));
    }

    #[test]
    fn a_number_keeps_its_text() {
        for text in ["1.0", "2e3", "-0", "18446744073709551616"] {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), text);
        }
        let error = serde_json::from_str::<Number>("\"1\"").unwrap_err().to_string();
        assert!(error.starts_with("expected a number, found a string"), "{error}");
    }

    #[test]
    fn a_text_keeps_its_spelling_and_is_what_it_says() {
        let raw: Box<RawValue> = serde_json::from_str(r#""caf\u00e9\/""#).unwrap();
        let mut text = JsonText::of(&raw).unwrap();
        assert_eq!((text.to_str().as_ref(), text.raw().get()), ("café/", r#""caf\u00e9\/""#));
        assert_eq!(text, JsonText::new("café/"));
        text.push_str(" \"x\"");
        assert_eq!(text.raw().get(), r#""café/ \"x\"""#);
        let half: Box<RawValue> = serde_json::from_str(r#""a\ud83d""#).unwrap();
        assert_eq!(JsonText::of(&half).unwrap().to_str(), r"a\ud83d");
        assert!(JsonText::default().is_empty());
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", json("\"secret\"")), "Json(8 bytes)");
    }
}
