//! `GET /admin/v1/users`

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::UserView;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;

/// All users, by name.
pub(in super::super) async fn handle(_: Admin, State(state): State<Shared>) -> Result<Json<Value>, Problem> {
    let records = state.parts.store.load().await?.records;
    let mut users: Vec<_> = records.users.iter().collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    let data: Vec<_> = users.into_iter().map(|user| UserView::of(user, &records)).collect();
    Ok(Json(json!({"data": data, "next": null})))
}
