//! `POST /admin/v1/quotas`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{QuotaBody, QuotaView, Quotas};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a quota.
#[utoipa::path(
    post, path = "/quotas", tag = "quotas", request_body = QuotaBody,
    responses((status = 201, description = "It is made.", body = QuotaView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<QuotaView>), Problem> {
    create::<Quotas>(&state, &admin, None, fields).await
}
