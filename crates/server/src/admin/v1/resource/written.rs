//! A field that is written and never read.

use penstock_control::seal::Stored;
use penstock_core::Secret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What a body says of a secret. Absent, it stays as it is.
#[derive(Debug, Default)]
pub(in super::super) enum Written {
    /// Nothing.
    #[default]
    Kept,
    /// `null`: there is none from now on.
    Cleared,
    /// This is it from now on.
    Given(Secret<String>),
}

impl Written {
    /// Whether nothing was said; for fields that have no value to be written.
    pub(in super::super) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept)
    }

    /// How it is stored afterwards, after how it was before. What is given is sealed on its way into the store.
    pub(in super::super) fn over(&self, before: Option<Stored>) -> Option<Stored> {
        match self {
            Self::Kept => before,
            Self::Cleared => None,
            Self::Given(secret) => Some(Stored::from(secret)),
        }
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // what is of the wrong kind is not quoted: it may be a secret all the same
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Cleared),
            Value::String(text) => Ok(Self::Given(Secret::from(text))),
            _ => Err(D::Error::custom("expected a text, or null")),
        }
    }
}

/// It is left out of what is read.
impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl PartialSchema for Written {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .format(Some(SchemaFormat::Custom("password".to_owned())))
            .write_only(true)
            .description(Some("A secret, which is never shown again; null removes it."))
            .into()
    }
}

impl ToSchema for Written {}
