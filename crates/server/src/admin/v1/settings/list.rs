//! `GET /admin/v1/settings`

use axum::Json;
use axum::extract::State;

use super::{Settings, SettingsView};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All settings of all instances, oldest first.
#[utoipa::path(
    get, path = "/settings", tag = "settings", params(Listing<Settings>),
    responses((status = 200, description = "A page of them.", body = Page<SettingsView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<Settings>,
) -> Result<Json<Page<SettingsView>>, Problem> {
    list::<Settings>(&state, None, asked).await
}
