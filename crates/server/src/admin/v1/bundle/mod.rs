//! The control plane as one text.

pub(super) mod apply;
pub(super) mod export;

use penstock_control::bundle::ApplyError;
use penstock_control::password::PasswordError;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;

/// Bytes of a bundle at the most.
pub(super) const LARGEST: usize = 64 << 20;

/// What is to be done with a bundle.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Applying {
    /// Whether the difference is only told.
    #[serde(default)]
    pub(super) plan: bool,
    /// Whether what the lists of the bundle do not name is removed.
    #[serde(default)]
    pub(super) prune: bool,
}

/// What is to be in a bundle.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Exporting {
    /// `false`: references stand in the place of secrets.
    #[serde(default = "super::yes")]
    pub(super) secrets: bool,
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Bundle(error) => Self::invalid(error.to_string()),
            ApplyError::Store(error) => error.into(),
            ApplyError::Password(PasswordError::Malformed | PasswordError::TooCostly { .. }) => {
                Self::invalid(error.to_string())
            }
            ApplyError::Password(_) | ApplyError::CutOff(_) => {
                Self::new(http::StatusCode::INTERNAL_SERVER_ERROR, "not_applied", error.to_string())
            }
        }
    }
}
