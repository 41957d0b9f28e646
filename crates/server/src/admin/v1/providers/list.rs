//! `GET /admin/v1/providers`

use axum::Json;
use axum::extract::State;

use super::{ProviderView, Providers};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All providers, oldest first.
#[utoipa::path(
    get, path = "/providers", tag = "providers", params(Listing<Providers>),
    responses((status = 200, description = "A page of them.", body = Page<ProviderView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Providers>,
) -> Result<Json<Page<ProviderView>>, Problem> {
    list::<Providers>(&state, None, asked).await
}
