//! `PATCH /admin/v1/rate-limits/{rate_limit}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RateLimitBody, RateLimitView, RateLimits};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a rate limit.
#[utoipa::path(
    patch, path = "/rate-limits/{rate_limit}", tag = "rate-limits", request_body = RateLimitBody,
    responses((status = 200, description = "As it is now.", body = RateLimitView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(rate_limit): Path<String>,
    fields: Fields,
) -> Result<Json<RateLimitView>, Problem> {
    update::<RateLimits>(&state, &admin, None, &rate_limit, fields).await
}
