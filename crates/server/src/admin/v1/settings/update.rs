//! `PATCH /admin/v1/settings/{instance}`

use axum::Json;
use axum::extract::{Path, State};

use super::{Settings, SettingsBody, SettingsView};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes the settings of an instance.
#[utoipa::path(
    patch, path = "/settings/{instance}", tag = "settings", request_body = SettingsBody,
    responses((status = 200, description = "As it is now.", body = SettingsView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(instance): Path<String>,
    fields: Fields,
) -> Result<Json<SettingsView>, Problem> {
    update::<Settings>(&state, &admin, None, &instance, fields).await
}
