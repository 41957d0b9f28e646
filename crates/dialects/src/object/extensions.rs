//! What the canonical form does not model: into extensions, and back onto the wire.

use std::borrow::Cow;

use penstock_core::canonical::{BlockExtras, Extensions, Fields};
use penstock_core::{Dialect, Json, Number};
use serde_json::value::RawValue;

use super::{Rest, Value};

/// What was not asked for, as fields of an extension.
pub(crate) fn fields(rest: Rest<'_>) -> Fields {
    rest.into_iter().map(|(name, value)| (name.into_owned(), Json::from(value.as_ref()))).collect()
}

/// The same, as extensions of `dialect`.
pub(crate) fn extensions(dialect: Dialect, rest: Rest<'_>) -> Extensions {
    Extensions::new(dialect, fields(rest))
}

/// The same, with the cache control of a block.
pub(crate) fn extras(dialect: Dialect, cache_control: Option<Value<'_>>, rest: Rest<'_>) -> BlockExtras {
    BlockExtras { cache_control: cache_control.map(Json::from), extensions: extensions(dialect, rest) }
}

/// The fields that `dialect` put into `extensions`, without notes on spelling.
pub(crate) fn rest(extensions: &Extensions, dialect: Dialect) -> Rest<'_> {
    let wire = |(name, _): &&(String, Json)| !name.starts_with('~');
    let own = extensions.of(dialect).iter().filter(wire);
    own.map(|(name, value)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value.raw()))).collect()
}

/// A field that an encoder makes itself.
pub(crate) fn owned(name: &'static str, value: &Json) -> (Cow<'static, str>, Cow<'static, RawValue>) {
    (Cow::Borrowed(name), Cow::Owned(value.raw().to_owned()))
}

/// Keeps the fields of a nested wire object for which the canonical form has no place.
pub(crate) fn put_nested(extensions: &mut Extensions, dialect: Dialect, name: &str, inside: Rest<'_>) {
    if !inside.is_empty() {
        extensions.set(dialect, name, Json::object(&fields(inside)));
    }
}

/// The fields that [`put_nested`] kept.
pub(crate) fn nested<'a>(extensions: &'a Extensions, dialect: Dialect, name: &str) -> Rest<'a> {
    super::object! { Anything {} }
    let object = extensions.get(dialect, name).and_then(Json::read::<Anything<'a>>);
    object.unwrap_or_default().rest
}

/// The note that `dialect` made about a spelling.
pub(crate) fn spelling<'a>(extensions: &'a Extensions, dialect: Dialect, name: &str) -> Option<Cow<'a, str>> {
    extensions.get(dialect, name)?.as_str()
}

/// Whether `dialect` made a note of that name.
pub(crate) fn is_noted(extensions: &Extensions, dialect: Dialect, name: &str) -> bool {
    extensions.get(dialect, name).is_some()
}

/// Whether a request or an answer came in another dialect. A decoder that has to be known again notes
/// `~from`.
pub(crate) fn is_foreign(extensions: &Extensions, dialect: Dialect) -> bool {
    !is_noted(extensions, dialect, "~from")
}

/// The figure, if it is one to compute with: a whole number, and no more than `most`. Any other stays the
/// field that it is.
pub(crate) fn count(number: Option<Number>, most: u64, name: &str, own: &mut Fields) -> Option<u64> {
    let number = number?;
    let count = number.as_u64().filter(|count| *count <= most);
    if count.is_none() {
        own.push((name.to_owned(), Json::of(&number)));
    }
    count
}
