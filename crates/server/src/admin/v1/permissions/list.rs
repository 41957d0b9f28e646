//! `GET /admin/v1/permissions`

use axum::Json;
use axum::extract::State;

use super::{PermissionView, Permissions};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All permissions, oldest first.
#[utoipa::path(
    get, path = "/permissions", tag = "permissions", params(Listing<Permissions>),
    responses((status = 200, description = "A page of them.", body = Page<PermissionView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Permissions>,
) -> Result<Json<Page<PermissionView>>, Problem> {
    list::<Permissions>(&state, None, asked).await
}
