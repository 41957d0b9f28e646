//! `PATCH /admin/v1/orgs/{org}`

use axum::Json;
use axum::extract::{Path, State};

use super::{OrgBody, OrgView, Orgs};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes an organisation.
#[utoipa::path(
    patch, path = "/orgs/{org}", tag = "orgs", request_body = OrgBody,
    responses((status = 200, description = "As it is now.", body = OrgView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(org): Path<String>,
    fields: Fields,
) -> Result<Json<OrgView>, Problem> {
    update::<Orgs>(&state, &admin, None, &org, fields).await
}
