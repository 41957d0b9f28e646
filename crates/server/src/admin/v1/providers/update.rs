//! `PATCH /admin/v1/providers/{provider}`

use axum::Json;
use axum::extract::{Path, State};

use super::{ProviderBody, ProviderView, Providers};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a provider.
#[utoipa::path(
    patch, path = "/providers/{provider}", tag = "providers", request_body = ProviderBody,
    responses((status = 200, description = "As it is now.", body = ProviderView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    fields: Fields,
) -> Result<Json<ProviderView>, Problem> {
    update::<Providers>(&state, &admin, None, &provider, fields).await
}
