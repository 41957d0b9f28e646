//! `POST /admin/v1/providers/{provider}/models`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::{ModelBody, ModelView, Models};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a model of a provider.
#[utoipa::path(
    post, path = "/providers/{provider}/models", tag = "models", request_body = ModelBody,
    responses((status = 201, description = "It is made.", body = ModelView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    fields: Fields,
) -> Result<(StatusCode, Json<ModelView>), Problem> {
    create::<Models>(&state, &admin, Some(&provider), fields).await
}
