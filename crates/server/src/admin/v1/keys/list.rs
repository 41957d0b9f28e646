//! `GET /admin/v1/users/{user}/keys`

use axum::Json;
use axum::extract::{Path, State};

use super::{KeyView, Keys};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All keys of a user, oldest first.
#[utoipa::path(
    get, path = "/users/{user}/keys", tag = "keys", params(Listing<Keys>),
    responses((status = 200, description = "A page of them.", body = Page<KeyView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
    asked: Listing<Keys>,
) -> Result<Json<Page<KeyView>>, Problem> {
    list::<Keys>(&state, Some(&user), asked).await
}
