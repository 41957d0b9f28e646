//! `GET /admin/v1/quotas`

use axum::Json;
use axum::extract::State;

use super::{QuotaView, Quotas};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All quotas, oldest first.
#[utoipa::path(
    get, path = "/quotas", tag = "quotas", params(Listing<Quotas>),
    responses((status = 200, description = "A page of them.", body = Page<QuotaView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Quotas>,
) -> Result<Json<Page<QuotaView>>, Problem> {
    list::<Quotas>(&state, None, asked).await
}
