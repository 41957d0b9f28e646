//! `POST /admin/v1/aliases`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{AliasBody, AliasView, Aliases};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes an alias.
#[utoipa::path(
    post, path = "/aliases", tag = "aliases", request_body = AliasBody,
    responses((status = 201, description = "It is made.", body = AliasView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<AliasView>), Problem> {
    create::<Aliases>(&state, &admin, None, fields).await
}
