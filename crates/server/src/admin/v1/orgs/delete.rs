//! `DELETE /admin/v1/orgs/{org}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Orgs;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes an organisation with its teams, users, keys and limits.
#[utoipa::path(
    delete, path = "/orgs/{org}", tag = "orgs", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(org): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Orgs>(&state, &admin, None, &org, &removal).await
}
