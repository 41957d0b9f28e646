//! Errors as problem documents with a stable `code`.

use axum::Json;
use axum::extract::OriginalUri;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use penstock_control::ControlError;
use penstock_control::accounts::AccountError;
use serde_json::json;

/// Why an operation was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        (self.status, [(CONTENT_TYPE, "application/problem+json")], Json(body).0.to_string()).into_response()
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let (status, code) = match &error {
            ControlError::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            ControlError::InUse { .. } => (StatusCode::CONFLICT, "in_use"),
            ControlError::TooLong { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_long"),
            ControlError::Seal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "seal"),
            ControlError::Stale => (StatusCode::CONFLICT, "changed_meanwhile"),
            ControlError::Missing { .. } => (StatusCode::NOT_FOUND, "not_found"),
            ControlError::InvalidReference { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_reference"),
            ControlError::TooNew { .. }
            | ControlError::TooOld
            | ControlError::Foreign { .. }
            | ControlError::OfGproxy { .. }
            | ControlError::NotScrubbed(_)
            | ControlError::Corrupt { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "store_unusable"),
            ControlError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let (status, code) = match error {
            AccountError::Store(error) => return error.into(),
            AccountError::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            AccountError::Unknown { .. } => (StatusCode::NOT_FOUND, "not_found"),
            AccountError::Ambiguous { .. } => (StatusCode::CONFLICT, "ambiguous"),
            AccountError::NoRandom(_) => (StatusCode::INTERNAL_SERVER_ERROR, "no_random"),
        };
        Self::new(status, code, error.to_string())
    }
}

pub(super) async fn no_such_path(OriginalUri(uri): OriginalUri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", format!("the admin API has no path {:?}", uri.path()))
}

pub(super) async fn no_such_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let detail = format!("{:?} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
