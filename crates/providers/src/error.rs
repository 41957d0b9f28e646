//! Why a table of providers or models was refused.

/// A table that is not taken. Each message names the row and the field at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The text is not TOML.
    #[error("expected a TOML table: {0}")]
    Toml(#[from] toml::de::Error),

    /// The text is not a JSON object of objects.
    #[error("expected a JSON object of models: {0}")]
    Json(#[from] serde_json::Error),

    /// A field at the top of the file is missing, unknown or of the wrong shape.
    #[error("top level: {0}")]
    Top(String),

    /// A row has an unknown field, lacks one, or has one of the wrong type.
    #[error("{row}: {problem}")]
    Row {
        /// Which row, by its name where it has one and else by its position.
        row: String,
        /// What was expected and what came, with the path inside the row.
        problem: String,
    },

    /// A field is of the right type and yet not acceptable.
    #[error("{row}, field `{field}`: {problem}")]
    Field {
        /// Which row.
        row: String,
        /// Which field of it, as a path.
        field: String,
        /// What was expected and what came.
        problem: String,
    },

    /// Two rows claim one name.
    #[error("{row}: named twice")]
    Duplicate {
        /// The name.
        row: String,
    },
}

impl TableError {
    pub(crate) fn field(
        row: &str,
        field: impl Into<String>,
        expected: &str,
        found: &impl std::fmt::Debug,
    ) -> Self {
        Self::Field {
            row: row.to_owned(),
            field: field.into(),
            problem: format!("expected {expected}, found {found:?}"),
        }
    }
}
