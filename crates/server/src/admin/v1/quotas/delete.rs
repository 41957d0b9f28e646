//! `DELETE /admin/v1/quotas/{quota}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Quotas;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a quota.
#[utoipa::path(
    delete, path = "/quotas/{quota}", tag = "quotas", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(quota): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Quotas>(&state, &admin, None, &quota, &removal).await
}
