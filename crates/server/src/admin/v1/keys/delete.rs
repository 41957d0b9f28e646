//! `DELETE /admin/v1/users/{user}/keys/{key}`

use axum::extract::{Path, State};
use http::StatusCode;
use penstock_control::accounts::delete_key;

use super::require_key_of;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;

/// Deletes a key; its digest stays known.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((user, key)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let store = state.parts.store.as_ref();
    let records = store.load().await?.records;
    let (_, key) = require_key_of(&records, &user, &key)?;
    delete_key(store, key.id).await?;
    state.parts.live.refresh(store).await?;
    Ok(StatusCode::NO_CONTENT)
}
