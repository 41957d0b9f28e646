//! `PATCH /admin/v1/permissions/{permission}`

use axum::Json;
use axum::extract::{Path, State};

use super::{PermissionBody, PermissionView, Permissions};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a permission.
#[utoipa::path(
    patch, path = "/permissions/{permission}", tag = "permissions", request_body = PermissionBody,
    responses((status = 200, description = "As it is now.", body = PermissionView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(permission): Path<String>,
    fields: Fields,
) -> Result<Json<PermissionView>, Problem> {
    update::<Permissions>(&state, &admin, None, &permission, fields).await
}
