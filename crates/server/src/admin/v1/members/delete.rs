//! `DELETE /admin/v1/routes/{route}/members/{member}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Members;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a member of a route.
#[utoipa::path(
    delete, path = "/routes/{route}/members/{member}", tag = "members", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((route, member)): Path<(String, String)>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Members>(&state, &admin, Some(&route), &member, &removal).await
}
