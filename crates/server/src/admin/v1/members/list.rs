//! `GET /admin/v1/routes/{route}/members`

use axum::Json;
use axum::extract::{Path, State};

use super::{MemberView, Members};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All members of a route, oldest first.
#[utoipa::path(
    get, path = "/routes/{route}/members", tag = "members", params(Listing<Members>),
    responses((status = 200, description = "A page of them.", body = Page<MemberView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(route): Path<String>,
    asked: Listing<Members>,
) -> Result<Json<Page<MemberView>>, Problem> {
    list::<Members>(&state, Some(&route), asked).await
}
