//! `POST /admin/v1/providers/{provider}/credentials`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::{CredentialBody, CredentialView, Credentials};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a credential of a provider.
#[utoipa::path(
    post, path = "/providers/{provider}/credentials", tag = "credentials", request_body = CredentialBody,
    responses((status = 201, description = "It is made.", body = CredentialView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    fields: Fields,
) -> Result<(StatusCode, Json<CredentialView>), Problem> {
    create::<Credentials>(&state, &admin, Some(&provider), fields).await
}
