//! `PATCH /admin/v1/quotas/{quota}`

use axum::Json;
use axum::extract::{Path, State};

use super::{QuotaBody, QuotaView, Quotas};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a quota.
#[utoipa::path(
    patch, path = "/quotas/{quota}", tag = "quotas", request_body = QuotaBody,
    responses((status = 200, description = "As it is now.", body = QuotaView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(quota): Path<String>,
    fields: Fields,
) -> Result<Json<QuotaView>, Problem> {
    update::<Quotas>(&state, &admin, None, &quota, fields).await
}
