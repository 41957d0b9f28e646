//! `PATCH /admin/v1/routes/{route}/members/{member}`

use axum::Json;
use axum::extract::{Path, State};

use super::{MemberBody, MemberView, Members};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a member of a route.
#[utoipa::path(
    patch, path = "/routes/{route}/members/{member}", tag = "members", request_body = MemberBody,
    responses((status = 200, description = "As it is now.", body = MemberView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((route, member)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<MemberView>, Problem> {
    update::<Members>(&state, &admin, Some(&route), &member, fields).await
}
