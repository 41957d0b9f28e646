//! `POST /admin/v1/settings`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{Settings, SettingsBody, SettingsView};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes the settings of an instance.
#[utoipa::path(
    post, path = "/settings", tag = "settings", request_body = SettingsBody,
    responses((status = 201, description = "It is made.", body = SettingsView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<SettingsView>), Problem> {
    create::<Settings>(&state, &admin, None, fields).await
}
