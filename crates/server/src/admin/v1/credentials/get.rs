//! `GET /admin/v1/providers/{provider}/credentials/{credential}`

use axum::Json;
use axum::extract::{Path, State};

use super::{CredentialView, Credentials};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A credential of a provider.
#[utoipa::path(
    get, path = "/providers/{provider}/credentials/{credential}", tag = "credentials",
    responses((status = 200, description = "It.", body = CredentialView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((provider, credential)): Path<(String, String)>,
) -> Result<Json<CredentialView>, Problem> {
    get::<Credentials>(&state, Some(&provider), &credential).await
}
