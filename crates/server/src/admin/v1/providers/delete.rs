//! `DELETE /admin/v1/providers/{provider}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Providers;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a provider with its credentials, models and rules. While a route leads to it, that is refused.
#[utoipa::path(
    delete, path = "/providers/{provider}", tag = "providers", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Providers>(&state, &admin, None, &provider, &removal).await
}
