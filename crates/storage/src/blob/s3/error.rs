//! What a service's errors mean.

use std::error::Error as _;

use aws_credential_types::provider::error::CredentialsError;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::login::NoLogin;
use crate::{ErrorKind, StorageError};

/// Where it went wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed<'a> {
    pub(super) backend: &'static str,
    pub(super) bucket: &'a str,
    pub(super) operation: &'static str,
}

impl Failed<'_> {
    /// What went wrong.
    pub(super) fn with(self, error: &Error) -> StorageError {
        let Self { backend, bucket, operation } = self;
        if let Some(NoLogin(cause)) = source(error) {
            return no_login(cause, self);
        }
        let said = Said::of(error);
        let (kind, message) = match kind(error, &said) {
            Kind::NoBucket => {
                let advice = "create it, or name another";
                (ErrorKind::Unavailable, format!("expected the bucket {bucket:?} to be there: {advice}"))
            }
            Kind::Region => {
                let advice = "it is in another: set AWS_REGION";
                (ErrorKind::Denied, format!("expected the bucket {bucket:?} in this region: {advice}"))
            }
            Kind::Plain(kind) => {
                let expected = match kind {
                    ErrorKind::Unavailable => "an answer",
                    ErrorKind::Denied => "its login to be allowed to",
                    ErrorKind::Full => "room",
                    _ => "it to be done",
                };
                (kind, format!("expected {expected} of the bucket {bucket:?}"))
            }
        };
        StorageError::new(kind, backend, operation, message).with_source(said.text)
    }
}

fn no_login(cause: &CredentialsError, failed: Failed<'_>) -> StorageError {
    let kind = match cause {
        CredentialsError::ProviderTimedOut(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Denied,
    };
    let message = "expected a login in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, a web identity \
                   or the role of this machine, found none that works";
    // the innermost cause says which part of the chain failed
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    StorageError::new(kind, failed.backend, failed.operation, message).with_source(text)
}

/// Whether the blob is missing, and not more than that.
pub(super) fn is_missing_blob(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && Said::of(error).code.as_deref() != Some("NoSuchBucket")
}

enum Kind {
    NoBucket,
    Region,
    Plain(ErrorKind),
}

fn kind(error: &Error, said: &Said) -> Kind {
    let code = said.code.as_deref().unwrap_or_default();
    Kind::Plain(match (code, error) {
        ("NoSuchBucket", _) => return Kind::NoBucket,
        ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect", _) => {
            return Kind::Region;
        }
        ("KeyTooLongError" | "EntityTooLarge" | "InvalidRequest" | "InvalidArgument", _) => {
            ErrorKind::Invalid
        }
        ("SlowDown" | "TooManyRequests" | "RequestTimeout", _) => ErrorKind::Unavailable,
        ("InsufficientStorage" | "QuotaExceeded" | "XMinioStorageFull", _) => ErrorKind::Full,
        _ if matches!(said.status, Some(401 | 403)) => ErrorKind::Denied,
        (_, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => ErrorKind::Denied,
        (_, Error::NotImplemented { .. } | Error::NotSupported { .. }) => ErrorKind::Unsupported,
        (_, Error::Precondition { .. } | Error::AlreadyExists { .. }) => ErrorKind::Conflict,
        _ if said.text.contains("redirect without LOCATION") => return Kind::Region,
        _ => match source::<HttpError>(error).map(HttpError::kind) {
            Some(HttpErrorKind::Decode) => ErrorKind::Internal,
            Some(_) => ErrorKind::Unavailable,
            None if said.status.is_some_and(|status| status >= 500 || status == 429) => {
                ErrorKind::Unavailable
            }
            None => ErrorKind::Internal,
        },
    })
}

/// What the service said. Of a body only the code and the message: the rest repeats headers of the request,
/// among them the token of a session.
struct Said {
    code: Option<String>,
    status: Option<u16>,
    text: String,
}

impl Said {
    fn of(error: &Error) -> Self {
        let whole = innermost(error);
        let element = |name: &str| {
            let (_, rest) = whole.split_once(&format!("<{name}>"))?;
            rest.split_once("</").map(|(text, _)| text.to_owned())
        };
        let status = whole.split_once("status code: ").and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        let code = element("Code");
        let text = match (&code, element("Message"), whole.split_once('<')) {
            (Some(code), Some(message), _) => format!("{code}: {message}"),
            (Some(code), None, _) => code.clone(),
            (None, _, Some((before, _))) => before.trim_end_matches([' ', ':']).to_owned(),
            (None, _, None) => whole,
        };
        Self { code, status, text }
    }
}

/// The text of the cause that says most: drivers repeat those below in those above.
fn innermost(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if cause.is::<HttpError>() || !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

fn source<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
