//! `GET /admin/v1/orgs/{org}`

use axum::Json;
use axum::extract::{Path, State};

use super::{OrgView, Orgs};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// An organisation.
#[utoipa::path(
    get, path = "/orgs/{org}", tag = "orgs",
    responses((status = 200, description = "It.", body = OrgView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(org): Path<String>,
) -> Result<Json<OrgView>, Problem> {
    get::<Orgs>(&state, None, &org).await
}
