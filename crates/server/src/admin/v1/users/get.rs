//! `GET /admin/v1/users/{user}`

use axum::Json;
use axum::extract::{Path, State};

use super::{UserView, Users};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A user.
#[utoipa::path(
    get, path = "/users/{user}", tag = "users",
    responses((status = 200, description = "It.", body = UserView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
) -> Result<Json<UserView>, Problem> {
    get::<Users>(&state, None, &user).await
}
