//! Rate limits: how often a scope may ask. Absent limits do not hold.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{RateLimit, Records, ScopeKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Reference, Resource, stands_for};
use super::schema::{Count, words};
use super::scope;

pub(in super::super) struct RateLimits;

/// What a rate limit is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RateLimitBody {
    /// What kind of thing it is for.
    #[schema(schema_with = words::<ScopeKind>)]
    scope: ScopeKind,
    /// Which one, by id or name.
    of: Reference,
    /// A glob over route names and `provider/model`; `*` unless told otherwise.
    #[serde(default = "everything")]
    route_pattern: String,
    /// Requests a minute.
    rpm: Option<Count>,
    /// Requests a day.
    rpd: Option<Count>,
    /// Tokens a minute.
    tpm: Option<Count>,
    /// Tokens a day.
    tokens_per_day: Option<Count>,
    /// Requests at a time.
    max_parallel: Option<Count>,
}

/// A rate limit.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RateLimitView {
    id: i64,
    #[schema(schema_with = words::<ScopeKind>)]
    scope: ScopeKind,
    scope_id: i64,
    /// The name of what it is for.
    of: String,
    route_pattern: String,
    rpm: Option<u64>,
    rpd: Option<u64>,
    tpm: Option<u64>,
    tokens_per_day: Option<u64>,
    max_parallel: Option<u64>,
    created_at: i64,
    updated_at: i64,
}

impl Resource for RateLimits {
    type Body = RateLimitBody;
    type View = RateLimitView;

    stands_for!(RateLimit in rate_limits);
    const NAME: &'static str = "rate_limit";
    const FILTERS: &'static [Filter] =
        &[Filter::Text("scope"), Filter::Text("of"), Filter::Text("route_pattern")];

    fn name(_: &RateLimit, _: &Records) -> Option<String> {
        None
    }

    fn target(record: &RateLimit, records: &Records) -> String {
        format!("{} of {}", record.route_pattern, scope::shown(record.scope, records))
    }

    fn view(record: &RateLimit, look: &Look) -> RateLimitView {
        let (scope, scope_id) = record.scope.parts();
        RateLimitView {
            id: record.id,
            scope,
            scope_id,
            of: scope::name_of(record.scope, &look.records),
            route_pattern: record.route_pattern.clone(),
            rpm: record.rpm,
            rpd: record.rpd,
            tpm: record.tpm,
            tokens_per_day: record.tokens_per_day,
            max_parallel: record.max_parallel,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &RateLimit) -> RateLimitBody {
        let (scope, id) = record.scope.parts();
        RateLimitBody {
            scope,
            of: Reference::Id(id),
            route_pattern: record.route_pattern.clone(),
            rpm: record.rpm.map(Count),
            rpd: record.rpd.map(Count),
            tpm: record.tpm.map(Count),
            tokens_per_day: record.tokens_per_day.map(Count),
            max_parallel: record.max_parallel.map(Count),
        }
    }

    fn record(body: RateLimitBody, draft: &Draft<'_, Self>) -> Result<RateLimit, Problem> {
        check::glob("route_pattern", &body.route_pattern)?;
        let limits = [&body.rpm, &body.rpd, &body.tpm, &body.tokens_per_day, &body.max_parallel];
        if limits.iter().all(|limit| limit.is_none()) {
            return Err(Problem::invalid(
                "expected one limit at least: rpm, rpd, tpm, tokens_per_day, max_parallel",
            ));
        }
        Ok(RateLimit {
            id: draft.id,
            scope: scope::require(body.scope, &body.of, &draft.look.records)?,
            route_pattern: body.route_pattern,
            rpm: body.rpm.map(|count| count.0),
            rpd: body.rpd.map(|count| count.0),
            tpm: body.tpm.map(|count| count.0),
            tokens_per_day: body.tokens_per_day.map(|count| count.0),
            max_parallel: body.max_parallel.map(|count| count.0),
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}

fn everything() -> String {
    "*".to_owned()
}
