//! `GET /admin/v1/teams/{team}`

use axum::Json;
use axum::extract::{Path, State};

use super::{TeamView, Teams};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A team.
#[utoipa::path(
    get, path = "/teams/{team}", tag = "teams",
    responses((status = 200, description = "It.", body = TeamView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(team): Path<String>,
) -> Result<Json<TeamView>, Problem> {
    get::<Teams>(&state, None, &team).await
}
