//! `GET /admin/v1/aliases`

use axum::Json;
use axum::extract::State;

use super::{AliasView, Aliases};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All aliases, oldest first.
#[utoipa::path(
    get, path = "/aliases", tag = "aliases", params(Listing<Aliases>),
    responses((status = 200, description = "A page of them.", body = Page<AliasView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Aliases>,
) -> Result<Json<Page<AliasView>>, Problem> {
    list::<Aliases>(&state, None, asked).await
}
