//! `GET /admin/v1/users/{user}`

use axum::Json;
use axum::extract::{Path, State};
use penstock_control::accounts::require_user;

use super::UserView;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;

/// One user.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
) -> Result<Json<UserView>, Problem> {
    let records = state.parts.store.load().await?.records;
    Ok(Json(UserView::of(require_user(&records, &user)?, &records)))
}
