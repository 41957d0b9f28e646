//! `GET /admin/v1/rollups`

use axum::Json;
use axum::extract::State;
use penstock_control::{Granularity, Records, RollupQuery, UsageRollup};
use penstock_core::{OrgId, Timestamp, Usd, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::orgs::Orgs;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Page, Reference, Window, name_of, page_by};
use crate::admin::v1::schema::{usd, words};
use crate::admin::v1::users::Users;

/// Which sums are meant.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct Filters {
    /// By hour or by day; by day unless told otherwise.
    #[param(schema_with = words::<Granularity>, required = false)]
    granularity: Option<Granularity>,
    /// Those that begin at or after this time.
    since: Option<i64>,
    /// Those that begin before this time.
    until: Option<i64>,
    /// Those of this user, by id or name.
    user: Option<String>,
    /// How many at the most; 100 unless told otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// What was used in an hour or a day of one provider, model and user.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RollupRow {
    #[schema(schema_with = words::<Granularity>)]
    granularity: Granularity,
    /// When it begins.
    bucket: i64,
    provider: String,
    org_id: Option<i64>,
    org: Option<String>,
    team_id: Option<i64>,
    team: Option<String>,
    user_id: Option<i64>,
    user: Option<String>,
    /// The model as clients named it.
    route: String,
    model: String,
    requests: u64,
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    reasoning: u64,
    /// What the priced ones cost.
    #[schema(schema_with = usd)]
    cost: Usd,
    /// How many have no known price.
    unpriced: u64,
}

impl RollupRow {
    fn of(row: &UsageRollup, records: &Records) -> Self {
        let known = |id: i64| Some(id).filter(|id| *id != 0);
        let some = |name: String| Some(name).filter(|name| !name.is_empty());
        Self {
            granularity: row.granularity,
            bucket: row.bucket.0,
            provider: row.provider.to_string(),
            org_id: known(row.org_id),
            org: some(name_of::<Orgs>(OrgId(row.org_id), records)),
            team_id: known(row.team_id),
            team: records.teams.get(row.team_id).map(|team| team.name.clone()),
            user_id: known(row.user_id),
            user: some(name_of::<Users>(UserId(row.user_id), records)),
            route: row.route.to_string(),
            model: row.model.to_string(),
            requests: row.requests,
            input: row.usage.input,
            output: row.usage.output,
            cache_read: row.usage.cache_read,
            cache_write_5m: row.usage.cache_write_5m,
            cache_write_1h: row.usage.cache_write_1h,
            reasoning: row.usage.reasoning,
            cost: row.cost,
            unpriced: row.unpriced,
        }
    }

    /// What tells it apart, so that it sorts by time.
    fn key(&self) -> String {
        let ids = [self.org_id, self.team_id, self.user_id].map(Option::unwrap_or_default);
        let [org, team, user] = ids;
        let Self { bucket, provider, route, model, .. } = self;
        format!("{bucket:020}\n{provider}\n{org:020}\n{team:020}\n{user:020}\n{route}\n{model}")
    }
}

/// Sums of usage, oldest first.
#[utoipa::path(
    get, path = "/rollups", tag = "usage", params(Filters),
    responses((status = 200, description = "A page of them.", body = Page<RollupRow>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    QueryString(filters): QueryString<Filters>,
) -> Result<Json<Page<RollupRow>>, Problem> {
    let store = state.parts.store.as_ref();
    let records = store.load().await?.records;
    let user = filters.user.map(|user| Reference::Name(user).id::<Users>("user", &records)).transpose()?;
    let query = RollupQuery {
        granularity: filters.granularity.unwrap_or(Granularity::Day),
        since: filters.since.map(Timestamp),
        until: filters.until.map(Timestamp),
        user: user.map(UserId),
    };
    let rows = store.rollups(&query).await?;
    let rows = rows.iter().map(|row| RollupRow::of(row, &records)).collect();
    let window = Window { limit: filters.limit, cursor: filters.cursor };
    page_by(rows, RollupRow::key, &window).map(Json)
}
