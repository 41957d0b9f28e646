//! `GET /admin/v1/usage`

use axum::Json;
use axum::extract::State;
use penstock_control::UsageQuery;
use penstock_control::accounts::{require_key, require_user};
use penstock_core::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1_000;

/// Filters; times in unix milliseconds, `user` and `key` by id or name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Filters {
    since: Option<i64>,
    until: Option<i64>,
    user: Option<String>,
    key: Option<String>,
    model: Option<String>,
    provider: Option<String>,
    after: Option<String>,
    limit: Option<u64>,
}

/// A page of rows, oldest first.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    QueryString(filters): QueryString<Filters>,
) -> Result<Json<Value>, Problem> {
    let store = state.parts.store.as_ref();
    let records = store.load().await?.records;
    let limit = filters.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid(format!("limit: expected 1 to {MAX_LIMIT}, found {limit}")));
    }
    let after = filters.after.map(|after| after.parse()).transpose();
    let query = UsageQuery {
        since: filters.since.map(Timestamp),
        until: filters.until.map(Timestamp),
        user: filters.user.map(|user| require_user(&records, &user).map(|user| user.id)).transpose()?,
        key: filters.key.map(|key| require_key(&records, &key).map(|key| key.id)).transpose()?,
        model: filters.model,
        provider: filters.provider,
        after: after.map_err(|error| Problem::invalid(format!("after: {error}")))?,
        limit,
    };
    let page = store.usage(&query).await?;
    Ok(Json(json!({"data": page.rows, "next": page.next})))
}
