//! `DELETE /admin/v1/routes/{route}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Routes;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a route with its members.
#[utoipa::path(
    delete, path = "/routes/{route}", tag = "routes", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(route): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Routes>(&state, &admin, None, &route, &removal).await
}
