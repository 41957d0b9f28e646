//! How types of other crates stand in the OpenAPI document, which know nothing of it.

use penstock_control::{Granularity, Implementation, RuleKind, ScopeKind, Window};
use penstock_core::{CredentialStrategy, Dialect, Ended, HealthState, Operation, RouteStrategy, UsageSource};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An enum that is one of a few words.
pub(super) trait Words {
    /// All of them.
    fn words() -> Vec<&'static str>;
}

macro_rules! words {
    ($($name:ident),+ $(,)?) => {$(
        impl Words for $name {
            fn words() -> Vec<&'static str> {
                Self::ALL.iter().map(|value| value.as_str()).collect()
            }
        }
    )+};
}

words!(
    CredentialStrategy,
    Dialect,
    Ended,
    Granularity,
    HealthState,
    Implementation,
    Operation,
    RouteStrategy,
    RuleKind,
    ScopeKind,
    UsageSource,
    Window,
);

/// One of the words.
pub(super) fn words<T: Words>() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(T::words())).into()
}

/// One of the words, or null.
pub(super) fn words_or_null<T: Words>() -> RefOr<Schema> {
    OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null)).item(words::<T>()).into()
}

/// A list of some of the words, or null.
pub(super) fn list_of_words_or_null<T: Words>() -> RefOr<Schema> {
    let list = utoipa::openapi::ArrayBuilder::new().items(words::<T>());
    OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null)).item(list).into()
}

/// Any object.
pub(super) fn any_object() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::Object).into()
}

/// Any object, or null.
pub(super) fn object_or_null() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Object, Type::Null])).into()
}

/// Anything.
pub(super) fn anything() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
}

/// US dollars as decimal text.
pub(super) fn usd() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("US dollars, as decimal text such as \"12.50\"."))
        .into()
}

/// US dollars as decimal text, or null.
pub(super) fn usd_or_null() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("US dollars, as decimal text such as \"12.50\"."))
        .into()
}

/// A number that every reader of JSON and every database keeps as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Count(pub(super) u64);

impl Count {
    /// 2^53 − 1
    const MOST: u64 = (1 << 53) - 1;
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = u64::deserialize(deserializer)?;
        if count > Self::MOST {
            return Err(D::Error::custom(format!("expected at most {}, found {count}", Self::MOST)));
        }
        Ok(Self(count))
    }
}

impl PartialSchema for Count {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(9_007_199_254_740_991.0))
            .description(Some("A whole number from 0 to 2^53 − 1."))
            .into()
    }
}

impl ToSchema for Count {}

/// A JSON object of any shape.
pub(super) struct Anything;

impl PartialSchema for Anything {
    fn schema() -> RefOr<Schema> {
        any_object()
    }
}

impl ToSchema for Anything {}
