//! `DELETE /admin/v1/providers/{provider}/models/{model}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Models;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a model of a provider.
#[utoipa::path(
    delete, path = "/providers/{provider}/models/{model}", tag = "models", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, model)): Path<(String, String)>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Models>(&state, &admin, Some(&provider), &model, &removal).await
}
