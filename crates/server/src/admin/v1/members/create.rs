//! `POST /admin/v1/routes/{route}/members`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::{MemberBody, MemberView, Members};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a member of a route.
#[utoipa::path(
    post, path = "/routes/{route}/members", tag = "members", request_body = MemberBody,
    responses((status = 201, description = "It is made.", body = MemberView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(route): Path<String>,
    fields: Fields,
) -> Result<(StatusCode, Json<MemberView>), Problem> {
    create::<Members>(&state, &admin, Some(&route), fields).await
}
