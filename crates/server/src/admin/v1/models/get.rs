//! `GET /admin/v1/providers/{provider}/models/{model}`

use axum::Json;
use axum::extract::{Path, State};

use super::{ModelView, Models};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A model of a provider.
#[utoipa::path(
    get, path = "/providers/{provider}/models/{model}", tag = "models",
    responses((status = 200, description = "It.", body = ModelView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((provider, model)): Path<(String, String)>,
) -> Result<Json<ModelView>, Problem> {
    get::<Models>(&state, Some(&provider), &model).await
}
