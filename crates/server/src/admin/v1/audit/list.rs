//! `GET /admin/v1/audit`

use axum::Json;
use axum::extract::State;
use penstock_control::{AuditLog, AuditQuery};
use penstock_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Page, Reference, page_limit};
use crate::admin::v1::schema::anything;
use crate::admin::v1::users::Users;

/// Which entries are meant.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Filters {
    /// At or after this time.
    since: Option<i64>,
    /// Before this time.
    until: Option<i64>,
    /// Those of this user, by id or name.
    actor: Option<String>,
    /// How many at the most; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A change that somebody made, or tried to.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AuditRow {
    /// As text: it is longer than a number in JavaScript.
    id: String,
    at: i64,
    actor_id: Option<i64>,
    /// A user's name, or `admin key`, `command line`, `start`.
    actor: Option<String>,
    /// Such as `user.create`.
    action: String,
    /// Such as `user ada`.
    target: String,
    /// What it was like; without secrets.
    #[schema(schema_with = anything)]
    before: Option<Value>,
    /// What it is like now, or why it was refused.
    #[schema(schema_with = anything)]
    after: Option<Value>,
    /// What became of it: an HTTP status.
    status: i64,
    source_ip: Option<String>,
}

impl From<AuditLog> for AuditRow {
    fn from(row: AuditLog) -> Self {
        Self {
            id: row.id.to_string(),
            at: row.at.0,
            actor_id: row.actor_id.map(|id| id.0),
            actor: row.actor_name,
            action: row.action,
            target: row.target,
            before: row.before,
            after: row.after,
            status: row.status,
            source_ip: row.source_ip,
        }
    }
}

/// The audit trail, newest first.
#[utoipa::path(
    get, path = "/audit", tag = "audit", params(Filters),
    responses((status = 200, description = "A page of it.", body = Page<AuditRow>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    QueryString(filters): QueryString<Filters>,
) -> Result<Json<Page<AuditRow>>, Problem> {
    let store = state.parts.store.as_ref();
    let records = store.load().await?.records;
    let actor =
        filters.actor.map(|actor| Reference::Name(actor).id::<Users>("actor", &records)).transpose()?;
    let before = filters.cursor.map(|cursor| cursor.parse()).transpose();
    let query = AuditQuery {
        since: filters.since.map(Timestamp),
        until: filters.until.map(Timestamp),
        actor: actor.map(UserId),
        before: before.map_err(|_| Problem::field("cursor", "expected the `next` of a page"))?,
        limit: page_limit(filters.limit)? as u64,
    };
    let page = store.audit(&query).await?;
    let data = page.rows.into_iter().map(Into::into).collect();
    Ok(Json(Page { data, next: page.next.map(|next| next.to_string()) }))
}
