//! Why a request is not answered, and what its client is told.

use std::time::Duration;

use penstock_core::{Dialect, RequestId};
use penstock_dialects::errors::{ErrorFacts, ModuleFacts};
use penstock_pipeline::Refusal;

/// Every way in which the gateway itself refuses or fails. What an upstream says in the client's own
/// dialect is no error here: it is passed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The request cannot be understood.
    #[error("{message}")]
    InvalidRequest {
        /// What is wrong and what was expected.
        message: String,
        /// The field to blame.
        param: Option<&'static str>,
    },
    /// Nobody we know asks.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such model, provider or path.
    #[error("{message}")]
    NotFound {
        /// What was looked for, and what there is.
        message: String,
        /// Stable code.
        code: &'static str,
    },
    /// The path is there, but not for this method.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// The body is larger than allowed.
    #[error("the body is larger than {limit} bytes, the limit of this gateway (`--max-body`)")]
    BodyTooLarge {
        /// The limit.
        limit: u64,
    },
    /// The body did not arrive in time.
    #[error("the body arrived too slowly: {received} bytes in {} s", after.as_secs())]
    BodyTimeout {
        /// Bytes that did arrive.
        received: u64,
        /// How long was waited.
        after: Duration,
    },
    /// The provider does not do this, or not in this dialect.
    #[error("{0}")]
    Unsupported(String),
    /// A translation would lose something, and the route forbids that.
    #[error("{0}")]
    Lossy(String),
    /// No provider could be reached, or what came back was no answer.
    #[error("{0}")]
    Upstream(String),
    /// A provider took too long.
    #[error("{0}")]
    UpstreamTimeout(String),
    /// Nobody must be asked at the moment.
    #[error("{message}")]
    LeftAlone {
        /// Who, and why.
        message: String,
        /// When somebody may be asked again.
        retry_after: Duration,
    },
    /// A module refuses the request.
    #[error("{}", .0.message)]
    Module(Box<Refusal>),
    /// The gateway cannot take more at the moment.
    #[error("{0}")]
    Overloaded(String),
}

/// What kind of failure it is, for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// HTTP status.
    pub status: u16,
    /// Stable machine-readable code.
    pub code: &'static str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl GatewayError {
    /// An invalid request without a field to blame.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidRequest { message: message.into(), param: None }
    }

    /// Status, code and whether to try again.
    pub fn class(&self) -> Class {
        let (status, code, retryable) = match self {
            Self::InvalidRequest { .. } => (400, "invalid_request", false),
            Self::Unauthenticated(_) => (401, "invalid_api_key", false),
            Self::Forbidden(_) => (403, "permission_denied", false),
            Self::NotFound { code, .. } => (404, *code, false),
            Self::MethodNotAllowed(_) => (405, "method_not_allowed", false),
            Self::BodyTimeout { .. } => (408, "body_timeout", true),
            Self::BodyTooLarge { .. } => (413, "body_too_large", false),
            Self::Lossy(_) => (422, "translation_loss", false),
            Self::Unsupported(_) => (501, "unsupported", false),
            Self::Upstream(_) => (502, "upstream_error", true),
            Self::Overloaded(_) => (503, "overloaded", true),
            Self::LeftAlone { .. } => (503, "upstream_unavailable", true),
            Self::Module(refusal) => (refusal.status, "module_refused", refusal.retryable),
            Self::UpstreamTimeout(_) => (504, "upstream_timeout", true),
        };
        Class { status, code, retryable }
    }

    /// When the same request may be sent again, in seconds, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::LeftAlone { retry_after, .. } => {
                Some(retry_after.as_secs().saturating_add(u64::from(retry_after.subsec_nanos() > 0)))
            }
            Self::Module(refusal) if refusal.more.contains_key("retry_after") => {
                refusal.more["retry_after"].as_u64()
            }
            _ if self.class().status == 503 => Some(1),
            _ => None,
        }
    }

    /// The request field to blame.
    pub const fn param(&self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest { param, .. } => *param,
            Self::NotFound { code, .. } if matches!(code.as_bytes(), b"model_not_found") => Some("model"),
            _ => None,
        }
    }

    /// Encodes the error for clients of `dialect` with `encode`, one of the dialects' encoders.
    pub fn encode<T>(
        &self,
        dialect: Dialect,
        id: RequestId,
        encode: impl FnOnce(Dialect, &ErrorFacts<'_>) -> T,
    ) -> T {
        let (message, request_id) = (self.to_string(), id.to_string());
        let Class { status, code, .. } = self.class();
        let module = match self {
            Self::Module(refusal) => Some(ModuleFacts { kind: &refusal.kind, more: &refusal.more }),
            _ => None,
        };
        let facts = ErrorFacts {
            status,
            code: module.map_or(code, |module| module.kind),
            message: &message,
            param: self.param(),
            request_id: &request_id,
            module,
        };
        encode(dialect, &facts)
    }
}
