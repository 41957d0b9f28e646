//! Keys of a user. The key itself is shown once, when it is made.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
pub(super) mod update;

use penstock_control::accounts::{AccountError, require_key, require_user};
use penstock_control::{Records, User, UserKey};
use penstock_core::Timestamp;
use serde::Serialize;

/// A key as the API shows it.
#[derive(Serialize)]
pub(super) struct KeyView {
    id: i64,
    user_id: i64,
    user: String,
    prefix: String,
    label: Option<String>,
    expires_at: Option<Timestamp>,
    enabled: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Only in the answer to the request that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl KeyView {
    pub(super) fn of(key: &UserKey, user: &User) -> Self {
        Self {
            id: key.id.0,
            user_id: user.id.0,
            user: user.name.clone(),
            prefix: key.prefix.clone(),
            label: key.label.clone(),
            expires_at: key.expires_at,
            enabled: key.enabled,
            created_at: key.created_at,
            updated_at: key.updated_at,
            key: None,
        }
    }
}

/// The key, if it is this user's.
fn require_key_of<'a>(
    records: &'a Records,
    user: &str,
    key: &str,
) -> Result<(&'a User, &'a UserKey), AccountError> {
    let user = require_user(records, user)?;
    let found = require_key(records, key)?;
    if found.user_id != user.id {
        return Err(AccountError::Unknown { what: "key of this user", name: found.prefix.clone() });
    }
    Ok((user, found))
}
