//! `GET /admin/v1/users/{user}/keys/{key}`

use axum::Json;
use axum::extract::{Path, State};

use super::{KeyView, Keys};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A key of a user.
#[utoipa::path(
    get, path = "/users/{user}/keys/{key}", tag = "keys",
    responses((status = 200, description = "It.", body = KeyView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((user, key)): Path<(String, String)>,
) -> Result<Json<KeyView>, Problem> {
    get::<Keys>(&state, Some(&user), &key).await
}
