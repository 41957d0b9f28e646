//! `PATCH /admin/v1/teams/{team}`

use axum::Json;
use axum::extract::{Path, State};

use super::{TeamBody, TeamView, Teams};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a team.
#[utoipa::path(
    patch, path = "/teams/{team}", tag = "teams", request_body = TeamBody,
    responses((status = 200, description = "As it is now.", body = TeamView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(team): Path<String>,
    fields: Fields,
) -> Result<Json<TeamView>, Problem> {
    update::<Teams>(&state, &admin, None, &team, fields).await
}
