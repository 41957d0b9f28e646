//! What can go wrong in a store, in words that name no driver.

use std::error::Error;
use std::fmt;

/// The answer of a store.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// What was asked for is not allowed: an empty key, a lifetime that is no number.
    Invalid,
    /// What is there does not fit to what was asked: a counter that holds a text.
    Conflict,
    /// There is no room.
    Full,
    /// The backend cannot be reached, or did not answer in time.
    Unavailable,
    /// The backend does not let this login do it.
    Denied,
    /// The backend cannot do this at all.
    Unsupported,
    /// The backend answered something that makes no sense, or its data is damaged.
    Internal,
}

impl ErrorKind {
    /// The kind as labels and reports spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Full => "full",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

/// Whether the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It will fail again.
    Never,
    /// It may succeed, and doing it twice does no harm.
    Later,
    /// It may have been done although no answer came.
    Unknown,
}

/// A call that a store did not do.
#[derive(Debug)]
pub struct StorageError {
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// Whether to try again.
    pub retry: Retry,
    /// Whether other calls are answered meanwhile: one node of several is away, and what it has with it.
    pub is_partial: bool,
    /// Which backend, such as `redis`.
    pub backend: &'static str,
    /// Which operation, such as `kv.get`.
    pub operation: &'static str,
    /// What was expected and what came; never a value or a secret.
    pub message: String,
    /// What the driver said.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl StorageError {
    /// An error of that kind.
    pub fn new(
        kind: ErrorKind,
        backend: &'static str,
        operation: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable => Retry::Later,
            _ => Retry::Never,
        };
        Self { kind, retry, is_partial: false, backend, operation, message: message.into(), source: None }
    }

    /// Refused before any backend saw it.
    pub fn invalid(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, "storage", operation, message)
    }

    /// With what the driver said.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same, of which other calls are free or not.
    #[must_use]
    pub const fn with_partial(mut self, is_partial: bool) -> Self {
        self.is_partial = is_partial;
        self
    }

    /// The same, to be tried again or not.
    #[must_use]
    pub const fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.operation, self.backend, self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for StorageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
