//! `PATCH /admin/v1/providers/{provider}/models/{model}`

use axum::Json;
use axum::extract::{Path, State};

use super::{ModelBody, ModelView, Models};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a model of a provider.
#[utoipa::path(
    patch, path = "/providers/{provider}/models/{model}", tag = "models", request_body = ModelBody,
    responses((status = 200, description = "As it is now.", body = ModelView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, model)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<ModelView>, Problem> {
    update::<Models>(&state, &admin, Some(&provider), &model, fields).await
}
