//! `GET /admin/v1/teams`

use axum::Json;
use axum::extract::State;

use super::{TeamView, Teams};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All teams, oldest first.
#[utoipa::path(
    get, path = "/teams", tag = "teams", params(Listing<Teams>),
    responses((status = 200, description = "A page of them.", body = Page<TeamView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Teams>,
) -> Result<Json<Page<TeamView>>, Problem> {
    list::<Teams>(&state, None, asked).await
}
