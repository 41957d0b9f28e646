//! `POST /admin/v1/rate-limits`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{RateLimitBody, RateLimitView, RateLimits};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a rate limit.
#[utoipa::path(
    post, path = "/rate-limits", tag = "rate-limits", request_body = RateLimitBody,
    responses((status = 201, description = "It is made.", body = RateLimitView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<RateLimitView>), Problem> {
    create::<RateLimits>(&state, &admin, None, fields).await
}
