//! `GET /admin/v1/permissions/{permission}`

use axum::Json;
use axum::extract::{Path, State};

use super::{PermissionView, Permissions};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A permission.
#[utoipa::path(
    get, path = "/permissions/{permission}", tag = "permissions",
    responses((status = 200, description = "It.", body = PermissionView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(permission): Path<String>,
) -> Result<Json<PermissionView>, Problem> {
    get::<Permissions>(&state, None, &permission).await
}
