//! `DELETE /admin/v1/providers/{provider}/credentials/{credential}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Credentials;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a credential of a provider.
#[utoipa::path(
    delete, path = "/providers/{provider}/credentials/{credential}", tag = "credentials", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, credential)): Path<(String, String)>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Credentials>(&state, &admin, Some(&provider), &credential, &removal).await
}
