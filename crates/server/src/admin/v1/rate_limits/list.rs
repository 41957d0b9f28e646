//! `GET /admin/v1/rate-limits`

use axum::Json;
use axum::extract::State;

use super::{RateLimitView, RateLimits};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All rate limits, oldest first.
#[utoipa::path(
    get, path = "/rate-limits", tag = "rate-limits", params(Listing<RateLimits>),
    responses((status = 200, description = "A page of them.", body = Page<RateLimitView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<RateLimits>,
) -> Result<Json<Page<RateLimitView>>, Problem> {
    list::<RateLimits>(&state, None, asked).await
}
