//! `DELETE /admin/v1/permissions/{permission}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Permissions;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a permission.
#[utoipa::path(
    delete, path = "/permissions/{permission}", tag = "permissions", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(permission): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Permissions>(&state, &admin, None, &permission, &removal).await
}
