//! JSON bodies and query strings, refused in words that name the field.

use std::collections::BTreeSet;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::inference::discard;

/// Bytes of a body at the most. The longest thing here is a rule or a description.
const MAX_BODY: usize = 2 << 20;

/// The fields of a JSON object, each as it came.
pub(super) struct Fields(pub(super) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let value =
            serde_json::from_slice(&read(request, MAX_BODY).await?).map_err(|error| unreadable(&error))?;
        refuse_nul(&value, "")?;
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Problem::invalid("expected a JSON object")),
        }
    }
}

/// A JSON body of a fixed shape.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Fields(fields) = Fields::from_request(request, state).await?;
        from_fields(fields).map(Self)
    }
}

/// What the fields make, or which of them is not as it should be.
pub(super) fn from_fields<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(fields))
        .map_err(|error| refused(&error.path().to_string(), &error.inner().to_string()))
}

/// The refusal of what is at `path`. What is unknown or missing stands in the message alone.
fn refused(path: &str, message: &str) -> Problem {
    let named = ["unknown field `", "missing field `"].iter().find_map(|start| message.strip_prefix(start));
    match named.and_then(|rest| rest.split('`').next()) {
        Some(field) => Problem::invalid(message).naming(Some(field.to_owned())),
        None if path.is_empty() || path == "." => Problem::invalid(message),
        None => Problem::field(path, message),
    }
}

/// A query string.
pub(super) struct QueryString<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryString<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        pairs(parts)?;
        let Query(query) = Query::from_request_parts(parts, state).await.map_err(|error| {
            let text = error.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text).to_owned();
            match text.split_once(": ") {
                Some((field, why)) => refused(field, why),
                None => refused("", &text),
            }
        })?;
        Ok(Self(query))
    }
}

/// The parameters of a query string, each of which may be said once.
pub(super) fn pairs(parts: &Parts) -> Result<Vec<(String, String)>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|error| Problem::invalid(error.body_text()))?;
    let mut seen = BTreeSet::new();
    for (name, value) in &pairs {
        if !seen.insert(name) {
            return Err(Problem::field(name, "expected once, found twice"));
        }
        if value.contains('\0') || name.contains('\0') {
            return Err(Problem::field(name, "expected no character U+0000"));
        }
    }
    Ok(pairs)
}

/// A body of so many bytes at the most.
pub(super) async fn read(request: Request, most: usize) -> Result<Bytes, Problem> {
    let length = request.headers().get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let too_long = length.and_then(|length| length.parse::<usize>().ok()).is_some_and(|found| found > most);
    if too_long {
        // a client that is cut off while it sends never sees the answer
        discard(request.into_body()).await;
        return Err(too_large(most));
    }
    to_bytes(request.into_body(), most).await.map_err(|error| {
        let cut =
            std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
        if cut {
            too_large(most)
        } else {
            Problem::new(StatusCode::BAD_REQUEST, "unreadable", error.to_string())
        }
    })
}

fn too_large(most: usize) -> Problem {
    let detail = format!("the body is too long: expected at most {most} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

fn unreadable(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid", format!("the body is not JSON: {error}"))
}

/// Refuses a character that not every database keeps.
fn refuse_nul(value: &Value, field: &str) -> Result<(), Problem> {
    let bad = |text: &str| text.contains('\0');
    match value {
        Value::String(text) if bad(text) => Err(Problem::field(field, "expected no character U+0000")),
        Value::Array(items) => items.iter().try_for_each(|item| refuse_nul(item, field)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let field = if field.is_empty() { name.as_str() } else { field };
            if bad(name) {
                Err(Problem::field(field, "expected no character U+0000"))
            } else {
                refuse_nul(value, field)
            }
        }),
        _ => Ok(()),
    }
}
