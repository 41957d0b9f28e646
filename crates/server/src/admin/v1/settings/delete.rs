//! `DELETE /admin/v1/settings/{instance}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Settings;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes the settings of an instance.
#[utoipa::path(
    delete, path = "/settings/{instance}", tag = "settings", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(instance): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Settings>(&state, &admin, None, &instance, &removal).await
}
