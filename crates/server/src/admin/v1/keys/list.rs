//! `GET /admin/v1/users/{user}/keys`

use axum::Json;
use axum::extract::{Path, State};
use penstock_control::accounts::require_user;
use serde_json::{Value, json};

use super::KeyView;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;

/// All keys of a user, oldest first.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
) -> Result<Json<Value>, Problem> {
    let records = state.parts.store.load().await?.records;
    let user = require_user(&records, &user)?;
    let keys = records.keys.iter().filter(|key| key.user_id == user.id);
    let data: Vec<_> = keys.map(|key| KeyView::of(key, user)).collect();
    Ok(Json(json!({"data": data, "next": null})))
}
