//! `GET /admin/v1/settings/{instance}`

use axum::Json;
use axum::extract::{Path, State};

use super::{Settings, SettingsView};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// The settings of an instance.
#[utoipa::path(
    get, path = "/settings/{instance}", tag = "settings",
    responses((status = 200, description = "It.", body = SettingsView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(instance): Path<String>,
) -> Result<Json<SettingsView>, Problem> {
    get::<Settings>(&state, None, &instance).await
}
