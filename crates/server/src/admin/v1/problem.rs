//! Errors as problem documents (RFC 9457) with a stable `code`.

use axum::extract::OriginalUri;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use penstock_control::ControlError;
use penstock_control::accounts::AccountError;
use penstock_control::login::LoginError;
use penstock_control::seal::SealError;
use serde::Serialize;
use utoipa::ToSchema;

/// Why an operation was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) detail: String,
    field: Option<String>,
    retry_after: Option<u64>,
}

/// Why an operation was refused, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document {
    /// `about:blank`: the code says which kind it is.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// Which kind of problem it is; the same for ever.
    code: &'static str,
    /// What is wrong, for people.
    detail: String,
    /// The field or parameter that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None, retry_after: None }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// A field or parameter whose value cannot be.
    pub(super) fn field(field: &str, detail: impl AsRef<str>) -> Self {
        Self::invalid(format!("{field}: {}", detail.as_ref())).naming(Some(field.to_owned()))
    }

    /// A field that names what is not there.
    pub(super) fn invalid_reference(field: &str, detail: impl AsRef<str>) -> Self {
        Self { code: "invalid_reference", ..Self::field(field, detail) }
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(super) fn ambiguous(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "ambiguous", detail)
    }

    pub(super) fn is_ambiguous(&self) -> bool {
        self.code == "ambiguous"
    }

    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(super) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// Too many tries: none for so many seconds.
    pub(super) fn too_many(seconds: u64) -> Self {
        let detail = format!("too many failed logins: try again in {seconds} s");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    pub(super) fn naming(self, field: Option<String>) -> Self {
        Self { field, ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            field: self.field,
        };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let (status, code) = match &error {
            ControlError::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            ControlError::InUse { .. } => (StatusCode::CONFLICT, "in_use"),
            ControlError::TooLong { field, .. } => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too_long", error.to_string());
                return problem.naming(Some((*field).to_owned()));
            }
            ControlError::Seal(SealError::Rotated { .. }) => (StatusCode::CONFLICT, "seal"),
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
            AccountError::Invalid { field, .. } => {
                return Self::invalid(error.to_string()).naming(Some(field.to_owned()));
            }
            AccountError::Unknown { .. } => (StatusCode::NOT_FOUND, "not_found"),
            AccountError::Ambiguous { .. } => (StatusCode::CONFLICT, "ambiguous"),
            AccountError::NoRandom(_) => (StatusCode::INTERNAL_SERVER_ERROR, "no_random"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        let (status, code) = match error {
            LoginError::Store(error) => return error.into(),
            LoginError::Refused => (StatusCode::UNAUTHORIZED, "unauthorized"),
            LoginError::NoAdministrator => (StatusCode::FORBIDDEN, "forbidden"),
            LoginError::Password(_) => (StatusCode::INTERNAL_SERVER_ERROR, "password"),
            LoginError::NoRandom(_) => (StatusCode::INTERNAL_SERVER_ERROR, "no_random"),
        };
        Self::new(status, code, error.to_string())
    }
}

pub(super) async fn no_such_path(OriginalUri(uri): OriginalUri) -> Problem {
    Problem::not_found(format!("the admin API has no path {:?}", uri.path()))
}

pub(super) async fn no_such_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let detail = format!("{:?} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
