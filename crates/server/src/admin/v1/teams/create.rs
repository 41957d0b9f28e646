//! `POST /admin/v1/teams`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{TeamBody, TeamView, Teams};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a team.
#[utoipa::path(
    post, path = "/teams", tag = "teams", request_body = TeamBody,
    responses((status = 201, description = "It is made.", body = TeamView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<TeamView>), Problem> {
    create::<Teams>(&state, &admin, None, fields).await
}
