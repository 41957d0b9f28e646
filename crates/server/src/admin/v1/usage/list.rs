//! `GET /admin/v1/usage`

use axum::Json;
use axum::extract::State;
use penstock_control::{Records, Settlement, UsageQuery};
use penstock_core::{
    Dialect, Ended, KeyId, Operation, RequestIdError, Timestamp, Usage, UsageSource, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::keys::Keys;
use crate::admin::v1::orgs::Orgs;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Page, Reference, name_of, page_limit};
use crate::admin::v1::schema::{anything, usd_or_null, words};
use crate::admin::v1::users::Users;

/// Which rows are meant.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Filters {
    /// At or after this time.
    since: Option<i64>,
    /// Before this time.
    until: Option<i64>,
    /// Those of this user, by id or name.
    user: Option<String>,
    /// Those of this key, by id or its first characters.
    key: Option<String>,
    /// Those of this model, as the provider names it.
    model: Option<String>,
    /// Those of this provider.
    provider: Option<String>,
    /// How many at the most; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// What one request used.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct UsageRow {
    request_id: String,
    at: i64,
    /// The model as the client named it.
    route: String,
    provider: String,
    credential: Option<String>,
    org_id: Option<i64>,
    org: Option<String>,
    team_id: Option<i64>,
    team: Option<String>,
    user_id: Option<i64>,
    user: Option<String>,
    key_id: Option<i64>,
    /// The first characters of the key.
    key: Option<String>,
    /// Who came with a provider key of their own.
    tenant: Option<String>,
    #[schema(schema_with = words::<Operation>)]
    operation: Operation,
    #[schema(schema_with = words::<Dialect>)]
    dialect: Dialect,
    model: String,
    #[schema(value_type = Tokens)]
    usage: Usage,
    /// The provider's own account of it, as text.
    #[schema(schema_with = anything)]
    raw_usage: Option<String>,
    #[schema(schema_with = usd_or_null)]
    cost: Option<penstock_core::Usd>,
    price_version: Option<String>,
    latency_ms: u64,
    ttft_ms: Option<u64>,
    #[schema(schema_with = words::<UsageSource>)]
    source: UsageSource,
    #[schema(schema_with = words::<Ended>)]
    ended: Ended,
}

/// Tokens, each kind counted once.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it stands for `Usage` in the OpenAPI document")]
pub(in super::super) struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    reasoning: u64,
}

impl UsageRow {
    fn of(row: Settlement, records: &Records) -> Self {
        let text = |text: Option<std::sync::Arc<str>>| text.map(|text| text.to_string());
        // what was deleted since has an id and no name
        let some = |name: String| Some(name).filter(|name| !name.is_empty());
        let team = row.team_id.and_then(|id| records.teams.get(id));
        let key = row.key_id.and_then(|id| records.keys.get(id));
        Self {
            request_id: row.request_id.to_string(),
            at: row.at.0,
            route: row.route.to_string(),
            provider: row.provider.to_string(),
            credential: text(row.credential),
            org_id: row.org_id.map(|id| id.0),
            org: row.org_id.and_then(|id| some(name_of::<Orgs>(id, records))),
            team_id: row.team_id.map(|id| id.0),
            team: team.map(|team| team.name.clone()),
            user_id: row.user_id.map(|id| id.0),
            user: row.user_id.and_then(|id| some(name_of::<Users>(id, records))),
            key_id: row.key_id.map(|id| id.0),
            key: key.map(|key| key.prefix.clone()),
            tenant: text(row.tenant),
            operation: row.operation,
            dialect: row.dialect,
            model: row.model.to_string(),
            usage: row.usage,
            raw_usage: row.raw_usage.map(Into::into),
            cost: row.cost,
            price_version: text(row.price_version),
            latency_ms: row.latency_ms,
            ttft_ms: row.ttft_ms,
            source: row.source,
            ended: row.ended,
        }
    }
}

/// Usage rows, oldest first.
#[utoipa::path(
    get, path = "/usage", tag = "usage", params(Filters),
    responses((status = 200, description = "A page of them.", body = Page<UsageRow>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    QueryString(filters): QueryString<Filters>,
) -> Result<Json<Page<UsageRow>>, Problem> {
    let store = state.parts.store.as_ref();
    let records = store.load().await?.records;
    let user = filters.user.map(|user| Reference::Name(user).id::<Users>("user", &records)).transpose()?;
    let key = filters.key.map(|key| Reference::Name(key).id::<Keys>("key", &records)).transpose()?;
    let after = filters.cursor.map(|cursor| cursor.parse()).transpose();
    let query = UsageQuery {
        since: filters.since.map(Timestamp),
        until: filters.until.map(Timestamp),
        user: user.map(UserId),
        key: key.map(KeyId),
        model: filters.model,
        provider: filters.provider,
        after: after.map_err(|error: RequestIdError| Problem::field("cursor", error.to_string()))?,
        limit: page_limit(filters.limit)? as u64,
    };
    let page = store.usage(&query).await?;
    let data = page.rows.into_iter().map(|row| UsageRow::of(row, &records)).collect();
    Ok(Json(Page { data, next: page.next.map(|next| next.to_string()) }))
}
