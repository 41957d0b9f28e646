//! `GET /admin/v1/logs`

use axum::Json;
use axum::extract::State;
use penstock_control::{DownstreamRequest, LogQuery, UpstreamRequest};
use penstock_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Page, page_limit};
use crate::admin::v1::schema::anything;

/// Which requests are meant.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Filters {
    /// The one with this id.
    request_id: Option<String>,
    /// Those that arrived at or after this time.
    since: Option<i64>,
    /// Those that arrived before this time.
    until: Option<i64>,
    /// How many at the most; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A request of a client, and what was asked of providers for it.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct LogRow {
    request_id: String,
    at: i64,
    method: String,
    path: String,
    query: Option<String>,
    status: i64,
    /// Its headers, where they are captured.
    #[schema(schema_with = anything)]
    headers: Option<Value>,
    /// Its body, where bodies are captured.
    body: Option<String>,
    response_body: Option<String>,
    /// In the order of the attempts.
    upstream: Vec<UpstreamRow>,
}

/// A request to a provider.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct UpstreamRow {
    /// From 1.
    attempt: i64,
    at: i64,
    provider: Option<String>,
    credential: Option<String>,
    url: String,
    method: String,
    /// 0 if there was no answer.
    status: i64,
    latency_ms: i64,
    #[schema(schema_with = anything)]
    headers: Option<Value>,
    body: Option<String>,
    response_body: Option<String>,
}

impl From<(DownstreamRequest, Vec<UpstreamRequest>)> for LogRow {
    fn from((row, upstream): (DownstreamRequest, Vec<UpstreamRequest>)) -> Self {
        Self {
            request_id: row.request_id.to_string(),
            at: row.at.0,
            method: row.method,
            path: row.path,
            query: row.query,
            status: row.status,
            headers: row.headers,
            body: row.body,
            response_body: row.response_body,
            upstream: upstream.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<UpstreamRequest> for UpstreamRow {
    fn from(row: UpstreamRequest) -> Self {
        Self {
            attempt: row.attempt,
            at: row.at.0,
            provider: row.provider,
            credential: row.credential,
            url: row.url,
            method: row.method,
            status: row.status,
            latency_ms: row.latency_ms,
            headers: row.headers,
            body: row.body,
            response_body: row.response_body,
        }
    }
}

/// Requests as they were logged, oldest first.
#[utoipa::path(
    get, path = "/logs", tag = "logs", params(Filters),
    responses((status = 200, description = "A page of them.", body = Page<LogRow>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    QueryString(filters): QueryString<Filters>,
) -> Result<Json<Page<LogRow>>, Problem> {
    let id = |field: &'static str, text: Option<String>| {
        let id = text.map(|text| text.parse()).transpose();
        id.map_err(|error: penstock_core::RequestIdError| Problem::field(field, error.to_string()))
    };
    let query = LogQuery {
        request_id: id("request_id", filters.request_id)?,
        since: filters.since.map(Timestamp),
        until: filters.until.map(Timestamp),
        after: id("cursor", filters.cursor)?,
        limit: page_limit(filters.limit)? as u64,
    };
    let page = state.parts.store.logs(&query).await?;
    let data = page.rows.into_iter().map(Into::into).collect();
    Ok(Json(Page { data, next: page.next.map(|next| next.to_string()) }))
}
