//! `POST /admin/v1/orgs`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{OrgBody, OrgView, Orgs};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes an organisation.
#[utoipa::path(
    post, path = "/orgs", tag = "orgs", request_body = OrgBody,
    responses((status = 201, description = "It is made.", body = OrgView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<OrgView>), Problem> {
    create::<Orgs>(&state, &admin, None, fields).await
}
