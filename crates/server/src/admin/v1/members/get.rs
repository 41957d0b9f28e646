//! `GET /admin/v1/routes/{route}/members/{member}`

use axum::Json;
use axum::extract::{Path, State};

use super::{MemberView, Members};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A member of a route.
#[utoipa::path(
    get, path = "/routes/{route}/members/{member}", tag = "members",
    responses((status = 200, description = "It.", body = MemberView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((route, member)): Path<(String, String)>,
) -> Result<Json<MemberView>, Problem> {
    get::<Members>(&state, Some(&route), &member).await
}
