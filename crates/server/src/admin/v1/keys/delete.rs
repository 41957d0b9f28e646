//! `DELETE /admin/v1/users/{user}/keys/{key}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Keys;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a key of a user; it stays known, so that it is never taken for the key of a provider.
#[utoipa::path(
    delete, path = "/users/{user}/keys/{key}", tag = "keys", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((user, key)): Path<(String, String)>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Keys>(&state, &admin, Some(&user), &key, &removal).await
}
