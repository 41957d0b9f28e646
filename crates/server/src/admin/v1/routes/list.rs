//! `GET /admin/v1/routes`

use axum::Json;
use axum::extract::State;

use super::{RouteView, Routes};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All routes, oldest first.
#[utoipa::path(
    get, path = "/routes", tag = "routes", params(Listing<Routes>),
    responses((status = 200, description = "A page of them.", body = Page<RouteView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Routes>,
) -> Result<Json<Page<RouteView>>, Problem> {
    list::<Routes>(&state, None, asked).await
}
