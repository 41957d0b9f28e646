//! `PATCH /admin/v1/users/{user}/keys/{key}`

use axum::Json;
use axum::extract::{Path, State};
use penstock_control::{Change, ChangeSet, Record, UserKey};
use serde::Deserialize;

use super::{KeyView, require_key_of};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::JsonBody;
use crate::admin::v1::problem::Problem;

/// What is to be different.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Body {
    enabled: Option<bool>,
    label: Option<String>,
}

/// Changes a key; `enabled: false` revokes it.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((user, key)): Path<(String, String)>,
    JsonBody(body): JsonBody<Body>,
) -> Result<Json<KeyView>, Problem> {
    let store = state.parts.store.as_ref();
    let loaded = store.load().await?;
    let (user, found) = require_key_of(&loaded.records, &user, &key)?;
    let changed = UserKey {
        enabled: body.enabled.unwrap_or(found.enabled),
        label: body.label.or_else(|| found.label.clone()),
        updated_at: state.parts.gateway.now(),
        ..found.clone()
    };
    let changes = ChangeSet::of(Change::Put(Record::UserKey(changed.clone()))).based_on(loaded.version);
    store.commit(&changes).await?;
    state.parts.live.refresh(store).await?;
    Ok(Json(KeyView::of(&changed, user)))
}
