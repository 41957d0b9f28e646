//! `POST /admin/v1/users/{user}/keys`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use penstock_control::accounts::{NewKey, new_key};
use penstock_core::UserId;

use super::{KeyBody, KeyView, Keys, pipeline};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create_with;

/// Makes a key of a user, and answers it as `key`, this once.
#[utoipa::path(
    post, path = "/users/{user}/keys", tag = "keys", request_body = KeyBody,
    responses((status = 201, description = "It is made.", body = KeyView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    pipeline::check(&state, &fields).await?;
    // the owner and what else a key has come with the fields
    let (key, secret) = new_key(UserId(0), NewKey::default(), state.parts.gateway.now())?;
    let (status, Json(view)) = create_with::<Keys>(&state, &admin, Some(&user), fields, Some(&key)).await?;
    // the one time it is shown
    Ok((status, Json(KeyView { key: Some(secret.expose().clone()), ..view })))
}
