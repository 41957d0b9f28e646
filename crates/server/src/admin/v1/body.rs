//! JSON bodies and query strings, refused in words.

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A JSON body.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = bytes::Bytes::from_request(request, state)
            .await
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "unreadable", error.body_text()))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let code =
                if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
            Problem::new(code, "invalid", format!("the body is not what was expected: {error}"))
        })
    }
}

/// A query string.
pub(super) struct QueryString<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryString<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid", error.body_text()))?;
        Ok(Self(query))
    }
}
