//! `GET /admin/v1/providers/{provider}`

use axum::Json;
use axum::extract::{Path, State};

use super::{ProviderView, Providers};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A provider.
#[utoipa::path(
    get, path = "/providers/{provider}", tag = "providers",
    responses((status = 200, description = "It.", body = ProviderView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
) -> Result<Json<ProviderView>, Problem> {
    get::<Providers>(&state, None, &provider).await
}
