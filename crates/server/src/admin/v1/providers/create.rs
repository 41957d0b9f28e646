//! `POST /admin/v1/providers`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{ProviderBody, ProviderView, Providers};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a provider.
#[utoipa::path(
    post, path = "/providers", tag = "providers", request_body = ProviderBody,
    responses((status = 201, description = "It is made.", body = ProviderView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<ProviderView>), Problem> {
    create::<Providers>(&state, &admin, None, fields).await
}
