//! `GET /admin/v1/aliases/{alias}`

use axum::Json;
use axum::extract::{Path, State};

use super::{AliasView, Aliases};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// An alias.
#[utoipa::path(
    get, path = "/aliases/{alias}", tag = "aliases",
    responses((status = 200, description = "It.", body = AliasView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(alias): Path<String>,
) -> Result<Json<AliasView>, Problem> {
    get::<Aliases>(&state, None, &alias).await
}
