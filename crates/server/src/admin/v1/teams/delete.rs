//! `DELETE /admin/v1/teams/{team}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Teams;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a team; its users stay.
#[utoipa::path(
    delete, path = "/teams/{team}", tag = "teams", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(team): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Teams>(&state, &admin, None, &team, &removal).await
}
