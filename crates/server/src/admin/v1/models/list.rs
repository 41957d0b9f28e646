//! `GET /admin/v1/providers/{provider}/models`

use axum::Json;
use axum::extract::{Path, State};

use super::{ModelView, Models};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All models of a provider, oldest first.
#[utoipa::path(
    get, path = "/providers/{provider}/models", tag = "models", params(Listing<Models>),
    responses((status = 200, description = "A page of them.", body = Page<ModelView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    asked: Listing<Models>,
) -> Result<Json<Page<ModelView>>, Problem> {
    list::<Models>(&state, Some(&provider), asked).await
}
