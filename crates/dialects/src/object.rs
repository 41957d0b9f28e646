//! Objects of a wire format: the fields that matter by name, all others as they came.
//!
//! One pass reads a body; texts without escapes and unknown values are borrowed from it. A known field
//! that is `null` is kept among the others, so that it is written again.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use penstock_core::canonical::{Extensions, Fields};
use penstock_core::{Dialect, Json};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Fields that were not asked for.
pub(crate) type Rest<'a> = Vec<(Cow<'a, str>, Cow<'a, RawValue>)>;

/// Defines the struct of a wire object: each field an `Option`, and `rest`.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $name<'a> {
            $(pub(crate) $field: Option<$type>,)*
            pub(crate) rest: $crate::object::Rest<'a>,
        }

        impl<'de: 'a, 'a> $crate::object::Object<'de> for $name<'a> {
            fn field<M: serde::de::MapAccess<'de>>(
                &mut self,
                name: std::borrow::Cow<'de, str>,
                map: &mut M,
            ) -> Result<(), M::Error> {
                match $crate::object::name(&name) {
                    $(stringify!($field) => {
                        if self.$field.is_some() {
                            return Err(serde::de::Error::duplicate_field(stringify!($field)));
                        }
                        self.$field = map.next_value()?;
                        if self.$field.is_none() {
                            self.rest.push((name, $crate::object::null()));
                        }
                    })*
                    _ => self.rest.push((name, std::borrow::Cow::Borrowed(map.next_value()?))),
                }
                Ok(())
            }

            fn has_only(&self, allowed: &[&str]) -> bool {
                let there: &[(&str, bool)] = &[$((stringify!($field), self.$field.is_some())),*];
                there.iter().all(|(field, there)| !there || allowed.contains(field))
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::object::read(deserializer)
            }
        }

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    map.serialize_entry($crate::object::wire_name(stringify!($field)), value)?;
                })*
                for (name, value) in &self.rest {
                    // what is known counts more than what rode along under the same name
                    $(if self.$field.is_some() && name == $crate::object::wire_name(stringify!($field)) {
                        continue;
                    })*
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    };
}
pub(crate) use object;

/// `type`, a word of Rust, is the field `kind`.
pub(crate) fn name<'a>(wire: &'a str) -> &'a str {
    match wire {
        "type" => "kind",
        "kind" => "",
        other => other,
    }
}

/// The other way round.
pub(crate) fn wire_name(field: &'static str) -> &'static str {
    if field == "kind" { "type" } else { field }
}

/// A struct that takes an object field by field.
pub(crate) trait Object<'de>: Default {
    /// Takes the field `name`, whose value is next in `map`.
    fn field<M: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut M) -> Result<(), M::Error>;

    /// Whether it has no known fields but these.
    fn has_only(&self, allowed: &[&str]) -> bool;
}

pub(crate) fn read<'de, T: Object<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Fields<T>(PhantomData<T>);
    impl<'de, T: Object<'de>> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
            let mut object = T::default();
            while let Some(Text(name)) = map.next_key()? {
                object.field(name, &mut map)?;
            }
            Ok(object)
        }
    }
    deserializer.deserialize_map(Fields(PhantomData))
}

/// `null`.
pub(crate) fn null() -> Cow<'static, RawValue> {
    Cow::Borrowed(RawValue::NULL)
}

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

/// A value that is looked at later, or never.
pub(crate) type Raw<'a> = Cow<'a, RawValue>;

/// Reads a borrowed value; serde's own `Cow` would copy it.
#[derive(Clone, Debug)]
pub(crate) struct Value<'a>(pub(crate) Raw<'a>);

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

impl From<Value<'_>> for Json {
    fn from(value: Value<'_>) -> Self {
        Self::from(value.0.as_ref())
    }
}

/// What was not asked for, as fields of an extension.
pub(crate) fn fields(rest: Rest<'_>) -> Fields {
    rest.into_iter().map(|(name, value)| (name.into_owned(), Json::from(value.as_ref()))).collect()
}

/// The same, as extensions of `dialect`.
pub(crate) fn extensions(dialect: Dialect, rest: Rest<'_>) -> Extensions {
    Extensions::new(dialect, fields(rest))
}

/// The fields that `dialect` put into `extensions`, without notes on spelling.
pub(crate) fn rest(extensions: &Extensions, dialect: Dialect) -> Rest<'_> {
    let wire = |(name, _): &&(String, Json)| !name.starts_with('~');
    let own = extensions.of(dialect).iter().filter(wire);
    own.map(|(name, value)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value.raw()))).collect()
}

/// The note that `dialect` made about a spelling.
pub(crate) fn spelling<'a>(extensions: &'a Extensions, dialect: Dialect, name: &str) -> Option<Cow<'a, str>> {
    extensions.get(dialect, name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    object! {
        Sample { kind: Text<'a>, count: penstock_core::Number, content: TextOr<'a, Vec<Sample<'a>>> }
    }

    fn round(text: &str) -> Json {
        Json::of(&serde_json::from_str::<Sample<'_>>(text).unwrap())
    }

    #[test]
    fn nothing_is_lost() {
        for text in [
            "{}",
            r#"{"type":"a","count":1.0,"content":"x"}"#,
            r#"{"content":[{"type":"b\n","z":[2e3,18446744073709551616]}],"type":null,"kind":"own"}"#,
            r#"{"unknown":{"deep":{"type":null}},"count":null}"#,
        ] {
            assert_eq!(round(text), Json::parse(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn plain_texts_are_borrowed() {
        let sample: Sample<'_> = serde_json::from_str(r#"{"type":"a","x":"b"}"#).unwrap();
        assert!(matches!(sample.kind, Some(Text(Cow::Borrowed("a")))));
        assert!(matches!(sample.rest[0], (Cow::Borrowed("x"), Cow::Borrowed(_))));
    }

    #[test]
    fn what_cannot_be_read_twice_is_refused() {
        let error = serde_json::from_str::<Sample<'_>>(r#"{"type":"a","type":"b"}"#).unwrap_err();
        assert!(error.to_string().starts_with("duplicate field"), "{error}");
    }
}
