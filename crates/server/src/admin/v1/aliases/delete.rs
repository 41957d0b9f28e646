//! `DELETE /admin/v1/aliases/{alias}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Aliases;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes an alias.
#[utoipa::path(
    delete, path = "/aliases/{alias}", tag = "aliases", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(alias): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Aliases>(&state, &admin, None, &alias, &removal).await
}
