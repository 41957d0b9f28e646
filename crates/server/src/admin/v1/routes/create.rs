//! `POST /admin/v1/routes`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{RouteBody, RouteView, Routes};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a route.
#[utoipa::path(
    post, path = "/routes", tag = "routes", request_body = RouteBody,
    responses((status = 201, description = "It is made.", body = RouteView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<RouteView>), Problem> {
    create::<Routes>(&state, &admin, None, fields).await
}
