//! What a hook can do wrong.

use std::fmt;

/// A hook failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookError {
    /// What happened, as its author should read it.
    pub message: String,
    /// Where in the module's source, where that is known.
    pub place: Option<Place>,
    /// Whether the storage was away: then `init` is tried again.
    pub is_storage: bool,
}

impl HookError {
    /// An error with these words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, is_storage: false }
    }

    /// The same, at this place.
    #[must_use]
    pub fn at(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{} ({place})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for HookError {}

impl From<penstock_storage::StorageError> for HookError {
    fn from(error: penstock_storage::StorageError) -> Self {
        let is_storage = matches!(error.kind, penstock_storage::ErrorKind::Unavailable);
        Self { message: error.to_string(), place: None, is_storage }
    }
}

/// A place in a source file; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the pipeline names it.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
