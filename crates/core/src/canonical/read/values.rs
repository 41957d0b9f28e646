//! Plain values.

use super::object::Object;
use super::{FromJson, Path, ReadError};
use crate::canonical::{
    BlockExtras, Extensions, Fields, MessageRole, Origin, StopReason, ThinkingMode, ToolChoiceKind,
};
use crate::{Dialect, Json, JsonText, Number};

impl FromJson for Json {
    fn from_json(json: &Json, _: Path<'_>) -> Result<Self, ReadError> {
        Ok(json.clone())
    }
}

impl FromJson for String {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        json.as_str().map(std::borrow::Cow::into_owned).ok_or_else(|| path.expected("a string", json))
    }
}

impl FromJson for JsonText {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        Self::of(json.raw()).ok_or_else(|| path.expected("a string", json))
    }
}

impl FromJson for bool {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        json.read().ok_or_else(|| path.expected("a boolean", json))
    }
}

impl FromJson for Number {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        json.read().ok_or_else(|| path.expected("a number", json))
    }
}

impl FromJson for u64 {
    /// A count. One that was computed may be spelled `12.0`.
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let whole = json.text().strip_suffix(".0").unwrap_or(json.text());
        whole.parse().map_err(|_| path.expected("a whole number from 0 up", json))
    }
}

impl FromJson for usize {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let number = u64::from_json(json, path)?;
        Self::try_from(number).map_err(|_| path.expected("a smaller number", json))
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let elements = json.elements().ok_or_else(|| path.expected("an array", json))?;
        elements.iter().enumerate().map(|(index, element)| T::from_json(element, path.index(index))).collect()
    }
}

impl<T: FromJson> FromJson for Box<T> {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        T::from_json(json, path).map(Self::new)
    }
}

macro_rules! words {
    ($($name:ty),+ $(,)?) => {$(
        impl FromJson for $name {
            fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
                // what the JSON library says names the words that there are, and not the one that came
                serde_json::from_str(json.text()).map_err(|error| {
                    let text = error.to_string();
                    let known = text.split_once("expected ").map_or("another word", |(_, known)| known);
                    let known = known.split(" at line ").next().unwrap_or(known);
                    path.problem(format!("expected {known}, found {}", json.kind()))
                })
            }
        }
    )+};
}

words!(Dialect, MessageRole, StopReason, ThinkingMode, ToolChoiceKind);

impl FromJson for Origin {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let text = String::from_json(json, path)?;
        text.parse().map_err(|error: crate::canonical::OriginError| path.problem(error.to_string()))
    }
}

/// The fields of an object, as they stand.
pub(super) fn fields(json: &Json, path: Path<'_>) -> Result<Fields, ReadError> {
    json.members().ok_or_else(|| path.expected("an object", json))
}

impl FromJson for Extensions {
    fn from_json(json: &Json, path: Path<'_>) -> Result<Self, ReadError> {
        let mut extensions = Self::default();
        for (name, own) in fields(json, path)? {
            let dialect: Dialect =
                name.parse().map_err(|error: crate::UnknownName| path.problem(error.to_string()))?;
            for (field, value) in fields(&own, path.field(&name))? {
                extensions.set(dialect, &field, value);
            }
        }
        Ok(extensions)
    }
}

/// What any block may carry.
pub(super) fn extras(object: &mut Object<'_>) -> Result<BlockExtras, ReadError> {
    Ok(BlockExtras {
        cache_control: object.take("cacheControl"),
        extensions: object.or_default("extensions")?,
    })
}
