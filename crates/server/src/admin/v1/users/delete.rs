//! `DELETE /admin/v1/users/{user}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Users;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a user with its keys and limits; the keys stay known as deleted.
#[utoipa::path(
    delete, path = "/users/{user}", tag = "users", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Users>(&state, &admin, None, &user, &removal).await
}
