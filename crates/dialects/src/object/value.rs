//! The values of a wire object: borrowed where that is possible, in the forms that dialects know.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use penstock_core::{Json, JsonText, unescaped};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::codec::read_text;

/// A text that is copied only where it has escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Words).map(Self)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// A string, or something else: content, stop sequences, tool choices have two forms.
#[derive(Clone, Debug)]
pub(crate) enum TextOr<'a, T> {
    Text(Text<'a>),
    Other(T),
}

impl<T> Default for TextOr<'_, T> {
    fn default() -> Self {
        Self::Text(Text::default())
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for TextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<'a, T>(PhantomData<(&'a (), T)>);
        impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for Either<'a, T> {
            type Value = TextOr<'a, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a list or object")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned().into()))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, list: S) -> Result<Self::Value, S::Error> {
                T::deserialize(SeqAccessDeserializer::new(list)).map(TextOr::Other)
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Other)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T: Serialize> Serialize for TextOr<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Other(other) => other.serialize(serializer),
        }
    }
}

/// A text that is not looked at, as the JSON string it came as.
#[derive(Clone, Debug)]
pub(crate) struct RawText<'a>(Cow<'a, RawValue>);

impl RawText<'_> {
    pub(crate) fn into_owned(self) -> JsonText {
        JsonText::of(&self.0).unwrap_or_default()
    }

    pub(crate) fn to_str(&self) -> Cow<'_, str> {
        unescaped(&self.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().len() == 2
    }
}

impl<'a> From<&'a JsonText> for RawText<'a> {
    fn from(text: &'a JsonText) -> Self {
        Self(Cow::Borrowed(text.raw()))
    }
}

impl From<&str> for RawText<'_> {
    fn from(text: &str) -> Self {
        Self(Cow::Owned(JsonText::new(text).raw().to_owned()))
    }
}

impl Default for RawText<'_> {
    fn default() -> Self {
        Self::from("")
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'a RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('"') {
            return Ok(Self(Cow::Borrowed(raw)));
        }
        Err(D::Error::custom(format!("expected a string, found {}", kind(raw))))
    }
}

impl Serialize for RawText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What a value is, for a message that must not show it.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes() {
        [b'"', ..] => "a string",
        [b'{', ..] => "an object",
        [b'[', ..] => "a list",
        [b't' | b'f', ..] => "a boolean",
        [b'n', ..] => "null",
        _ => "a number",
    }
}

/// The content of a message: a text that is not looked at, or a list or object.
#[derive(Clone, Debug)]
pub(crate) enum RawTextOr<'a, T> {
    Text(RawText<'a>),
    Other(T),
}

impl<T> Default for RawTextOr<'_, T> {
    fn default() -> Self {
        Self::Text(RawText::default())
    }
}

impl<'de: 'a, 'a, T: Deserialize<'a>> Deserialize<'de> for RawTextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'a RawValue>::deserialize(deserializer)?;
        match raw.get().as_bytes() {
            [b'"', ..] => Ok(Self::Text(RawText(Cow::Borrowed(raw)))),
            [b'[' | b'{', ..] => read_text(raw.get()).map(Self::Other).map_err(D::Error::custom),
            _ => {
                Err(D::Error::custom(format!("expected a string, a list or an object, found {}", kind(raw))))
            }
        }
    }
}

impl<T: Serialize> Serialize for RawTextOr<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Other(other) => other.serialize(serializer),
        }
    }
}

/// A value that is looked at later, or never. It is borrowed; serde's own `Cow` would copy it.
#[derive(Clone, Debug)]
pub(crate) struct Value<'a>(Cow<'a, RawValue>);

impl Value<'_> {
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|raw| Self(Cow::Borrowed(raw)))
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        Self(Cow::Borrowed(json.raw()))
    }
}

impl From<Json> for Value<'_> {
    fn from(json: Json) -> Self {
        Self(Cow::Owned(json.raw().to_owned()))
    }
}

impl From<Value<'_>> for Json {
    fn from(value: Value<'_>) -> Self {
        Self::from(value.0.as_ref())
    }
}
