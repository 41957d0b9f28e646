//! `GET /admin/v1/routes/{route}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RouteView, Routes};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A route.
#[utoipa::path(
    get, path = "/routes/{route}", tag = "routes",
    responses((status = 200, description = "It.", body = RouteView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(route): Path<String>,
) -> Result<Json<RouteView>, Problem> {
    get::<Routes>(&state, None, &route).await
}
