//! `POST /admin/v1/users`

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use penstock_control::accounts::{NewUser, add_user, require_user};
use serde::Deserialize;

use super::UserView;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::JsonBody;
use crate::admin::v1::problem::Problem;

/// A user to be made; without `permissions` it may use nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Body {
    name: String,
    #[serde(default)]
    is_admin: bool,
    #[serde(default)]
    permissions: Vec<String>,
}

/// Makes a user.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    JsonBody(body): JsonBody<Body>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let store = state.parts.store.as_ref();
    let new = NewUser { name: body.name, is_admin: body.is_admin, permissions: body.permissions };
    let id = add_user(store, &new, state.parts.gateway.now()).await?;
    state.parts.live.refresh(store).await?;
    let records = store.load().await?.records;
    Ok((StatusCode::CREATED, Json(UserView::of(require_user(&records, &id.to_string())?, &records))))
}
