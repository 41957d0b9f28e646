//! `GET /admin/v1/quotas/{quota}`

use axum::Json;
use axum::extract::{Path, State};

use super::{QuotaView, Quotas};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A quota.
#[utoipa::path(
    get, path = "/quotas/{quota}", tag = "quotas",
    responses((status = 200, description = "It.", body = QuotaView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(quota): Path<String>,
) -> Result<Json<QuotaView>, Problem> {
    get::<Quotas>(&state, None, &quota).await
}
