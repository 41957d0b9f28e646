//! `POST /admin/v1/users/{user}/keys`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use penstock_control::accounts::{NewKey, create_key, require_user};
use penstock_core::Timestamp;
use serde::Deserialize;

use super::KeyView;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::JsonBody;
use crate::admin::v1::problem::Problem;

/// A key to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Body {
    label: Option<String>,
    /// Unix milliseconds.
    expires_at: Option<i64>,
}

/// Makes a key and answers it, once.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    let (store, now) = (state.parts.store.as_ref(), state.parts.gateway.now());
    let expires_at = body.expires_at.map(Timestamp);
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::invalid("expires_at: expected a time in the future, in unix milliseconds"));
    }
    let (key, secret) = create_key(store, &user, NewKey { label: body.label, expires_at }, now).await?;
    state.parts.live.refresh(store).await?;
    let records = store.load().await?.records;
    let view = KeyView::of(&key, require_user(&records, &user)?);
    // the one time it is shown
    Ok((StatusCode::CREATED, Json(KeyView { key: Some(secret.expose().clone()), ..view })))
}
