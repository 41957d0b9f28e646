//! `PATCH /admin/v1/aliases/{alias}`

use axum::Json;
use axum::extract::{Path, State};

use super::{AliasBody, AliasView, Aliases};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes an alias.
#[utoipa::path(
    patch, path = "/aliases/{alias}", tag = "aliases", request_body = AliasBody,
    responses((status = 200, description = "As it is now.", body = AliasView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(alias): Path<String>,
    fields: Fields,
) -> Result<Json<AliasView>, Problem> {
    update::<Aliases>(&state, &admin, None, &alias, fields).await
}
