//! The control plane as one text.

pub(super) mod apply;
pub(super) mod export;

use penstock_control::bundle::{Actor, ApplyError};
use penstock_control::password::PasswordError;

use super::problem::Problem;

/// Bytes of a bundle at the most.
pub(super) const LARGEST: usize = 64 << 20;

fn actor() -> Actor {
    Actor { name: "admin API".to_owned(), ..Actor::default() }
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
