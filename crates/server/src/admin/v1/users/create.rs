//! `POST /admin/v1/users`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{UserBody, UserView, Users};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a user.
#[utoipa::path(
    post, path = "/users", tag = "users", request_body = UserBody,
    responses((status = 201, description = "It is made.", body = UserView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    create::<Users>(&state, &admin, None, fields).await
}
