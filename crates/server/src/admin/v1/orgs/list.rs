//! `GET /admin/v1/orgs`

use axum::Json;
use axum::extract::State;

use super::{OrgView, Orgs};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All organisations, oldest first.
#[utoipa::path(
    get, path = "/orgs", tag = "orgs", params(Listing<Orgs>),
    responses((status = 200, description = "A page of them.", body = Page<OrgView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Orgs>,
) -> Result<Json<Page<OrgView>>, Problem> {
    list::<Orgs>(&state, None, asked).await
}
