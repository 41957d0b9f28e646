//! `PATCH /admin/v1/routes/{route}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RouteBody, RouteView, Routes};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a route.
#[utoipa::path(
    patch, path = "/routes/{route}", tag = "routes", request_body = RouteBody,
    responses((status = 200, description = "As it is now.", body = RouteView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(route): Path<String>,
    fields: Fields,
) -> Result<Json<RouteView>, Problem> {
    update::<Routes>(&state, &admin, None, &route, fields).await
}
