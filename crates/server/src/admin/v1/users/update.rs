//! `PATCH /admin/v1/users/{user}`

use axum::Json;
use axum::extract::{Path, State};

use super::{UserBody, UserView, Users};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a user.
#[utoipa::path(
    patch, path = "/users/{user}", tag = "users", request_body = UserBody,
    responses((status = 200, description = "As it is now.", body = UserView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<Json<UserView>, Problem> {
    update::<Users>(&state, &admin, None, &user, fields).await
}
