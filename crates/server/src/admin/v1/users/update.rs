//! `PATCH /admin/v1/users/{user}`

use axum::Json;
use axum::extract::{Path, State};
use penstock_control::accounts::{grants, require_user};
use penstock_control::{Change, ChangeSet, Kind, Record, User};
use serde::Deserialize;

use super::{UserView, granted};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::JsonBody;
use crate::admin::v1::problem::Problem;

/// What is to be different; `permissions` replaces the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Body {
    enabled: Option<bool>,
    is_admin: Option<bool>,
    permissions: Option<Vec<String>>,
}

/// Changes a user.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(user): Path<String>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<UserView>, Problem> {
    let store = state.parts.store.as_ref();
    let loaded = store.load().await?;
    let (records, version) = (loaded.records, loaded.version);
    let found = require_user(&records, &user)?;
    let changed = User {
        enabled: body.enabled.unwrap_or(found.enabled),
        is_admin: body.is_admin.unwrap_or(found.is_admin),
        updated_at: state.parts.gateway.now(),
        ..found.clone()
    };
    let id = changed.id;
    let mut changes = ChangeSet::of(Change::Put(Record::User(changed))).based_on(version);
    if let Some(permissions) = body.permissions {
        let old = granted(found, &records).map(|permission| Change::Delete(Kind::Permission, permission.id));
        changes.changes.extend(old);
        changes.changes.extend(grants(id, &permissions, state.parts.gateway.now())?);
    }
    store.commit(&changes).await?;
    state.parts.live.refresh(store).await?;
    let records = store.load().await?.records;
    Ok(Json(UserView::of(require_user(&records, &id.to_string())?, &records)))
}
