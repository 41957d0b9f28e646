//! Objects of a wire format: the fields that matter by name, all others as they came.
//!
//! One pass reads a body; texts without escapes and unknown values are borrowed from it. A known field
//! that is `null` is kept among the others, so that it is written again.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::value::RawValue;

mod extensions;
mod only_here;
mod value;

pub(crate) use extensions::{
    count, extensions, extras, fields, is_foreign, is_noted, nested, owned, put_nested, rest, spelling,
};
pub(crate) use only_here::{
    block_only_here, message_only_here, tool_choice_within, tool_only_here, whole_message,
};
pub(crate) use value::{RawText, RawTextOr, Text, TextOr, Value};

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
                    _ => {
                        $crate::object::require_plain(&name)?;
                        self.rest.push((name, std::borrow::Cow::Borrowed(map.next_value()?)));
                    }
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
pub(crate) fn name(wire: &str) -> &str {
    match wire {
        "type" => "kind",
        "kind" => "",
        other => other,
    }
}

/// Names that begin with `~` are our own notes beside what came; see [`Fields`](penstock_core::canonical::Fields).
pub(crate) fn require_plain<E: Error>(name: &str) -> Result<(), E> {
    if name.starts_with('~') {
        return Err(E::custom("expected the name of a field, found one that begins with '~'"));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use penstock_core::Json;

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
    fn what_cannot_be_told_apart_is_refused() {
        let error = |text| serde_json::from_str::<Sample<'_>>(text).unwrap_err().to_string();
        let repeated = error(r#"{"type":"a","type":"b"}"#);
        assert!(repeated.starts_with("duplicate field"), "{repeated}");
        let reserved = error(r#"{"content":[{"\u007efrom":"request"}]}"#);
        assert!(reserved.starts_with("expected the name of a field"), "{reserved}");
    }
}
