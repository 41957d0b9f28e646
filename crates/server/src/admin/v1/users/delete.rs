//! `DELETE /admin/v1/users/{user}`

use axum::extract::{Path, State};
use http::StatusCode;
use penstock_control::accounts::require_user;
use penstock_control::{Change, ChangeSet, Kind};

use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;

/// Deletes a user with its keys and permissions.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let store = state.parts.store.as_ref();
    let records = store.load().await?.records;
    let id = require_user(&records, &user)?.id;
    store.commit(&ChangeSet::of(Change::Delete(Kind::User, id.0))).await?;
    state.parts.live.refresh(store).await?;
    Ok(StatusCode::NO_CONTENT)
}
