//! `PATCH /admin/v1/providers/{provider}/credentials/{credential}`

use axum::Json;
use axum::extract::{Path, State};

use super::{CredentialBody, CredentialView, Credentials};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a credential of a provider.
#[utoipa::path(
    patch, path = "/providers/{provider}/credentials/{credential}", tag = "credentials", request_body = CredentialBody,
    responses((status = 200, description = "As it is now.", body = CredentialView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, credential)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<CredentialView>, Problem> {
    update::<Credentials>(&state, &admin, Some(&provider), &credential, fields).await
}
