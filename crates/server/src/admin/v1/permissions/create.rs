//! `POST /admin/v1/permissions`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{PermissionBody, PermissionView, Permissions};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a permission.
#[utoipa::path(
    post, path = "/permissions", tag = "permissions", request_body = PermissionBody,
    responses((status = 201, description = "It is made.", body = PermissionView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<PermissionView>), Problem> {
    create::<Permissions>(&state, &admin, None, fields).await
}
