//! `GET /admin/v1/users`

use axum::Json;
use axum::extract::State;

use super::{UserView, Users};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All users, oldest first.
#[utoipa::path(
    get, path = "/users", tag = "users", params(Listing<Users>),
    responses((status = 200, description = "A page of them.", body = Page<UserView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Users>,
) -> Result<Json<Page<UserView>>, Problem> {
    list::<Users>(&state, None, asked).await
}
