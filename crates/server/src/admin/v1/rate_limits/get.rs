//! `GET /admin/v1/rate-limits/{rate_limit}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RateLimitView, RateLimits};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A rate limit.
#[utoipa::path(
    get, path = "/rate-limits/{rate_limit}", tag = "rate-limits",
    responses((status = 200, description = "It.", body = RateLimitView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(rate_limit): Path<String>,
) -> Result<Json<RateLimitView>, Problem> {
    get::<RateLimits>(&state, None, &rate_limit).await
}
