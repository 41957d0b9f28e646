//! `PATCH /admin/v1/users/{user}/keys/{key}`

use axum::Json;
use axum::extract::{Path, State};

use super::{KeyBody, KeyView, Keys, pipeline};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a key of a user; `enabled: false` revokes it.
#[utoipa::path(
    patch, path = "/users/{user}/keys/{key}", tag = "keys", request_body = KeyBody,
    responses((status = 200, description = "As it is now.", body = KeyView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((user, key)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<KeyView>, Problem> {
    pipeline::check(&state, &fields).await?;
    update::<Keys>(&state, &admin, Some(&user), &key, fields).await
}
