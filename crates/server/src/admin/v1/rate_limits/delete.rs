//! `DELETE /admin/v1/rate-limits/{rate_limit}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::RateLimits;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a rate limit.
#[utoipa::path(
    delete, path = "/rate-limits/{rate_limit}", tag = "rate-limits", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(rate_limit): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<RateLimits>(&state, &admin, None, &rate_limit, &removal).await
}
