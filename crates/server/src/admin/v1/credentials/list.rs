//! `GET /admin/v1/providers/{provider}/credentials`

use axum::Json;
use axum::extract::{Path, State};

use super::{CredentialView, Credentials};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All credentials of a provider, oldest first.
#[utoipa::path(
    get, path = "/providers/{provider}/credentials", tag = "credentials", params(Listing<Credentials>),
    responses((status = 200, description = "A page of them.", body = Page<CredentialView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    asked: Listing<Credentials>,
) -> Result<Json<Page<CredentialView>>, Problem> {
    list::<Credentials>(&state, Some(&provider), asked).await
}
