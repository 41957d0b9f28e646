//! Quotas: how much a scope may spend.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Quota, Records, ScopeKind, Window};
use penstock_core::Usd;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Reference, Resource, stands_for};
use super::schema::{usd, words};
use super::scope;

pub(in super::super) struct Quotas;

/// What a quota is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct QuotaBody {
    /// What kind of thing it is for.
    #[schema(schema_with = words::<ScopeKind>)]
    scope: ScopeKind,
    /// Which one, by id or name.
    of: Reference,
    /// The time after which it starts anew, UTC.
    #[schema(schema_with = words::<Window>)]
    window: Window,
    /// US dollars of one window.
    #[schema(schema_with = usd)]
    limit: Usd,
}

/// A quota.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct QuotaView {
    id: i64,
    #[schema(schema_with = words::<ScopeKind>)]
    scope: ScopeKind,
    scope_id: i64,
    /// The name of what it is for.
    of: String,
    #[schema(schema_with = words::<Window>)]
    window: Window,
    #[schema(schema_with = usd)]
    limit: Usd,
    /// What is spent of the window that is now.
    #[schema(schema_with = usd)]
    cost_used: Usd,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Quotas {
    type Body = QuotaBody;
    type View = QuotaView;

    stands_for!(Quota in quotas);
    const NAME: &'static str = "quota";
    const FILTERS: &'static [Filter] = &[Filter::Text("scope"), Filter::Text("of"), Filter::Text("window")];

    fn name(_: &Quota, _: &Records) -> Option<String> {
        None
    }

    fn target(record: &Quota, records: &Records) -> String {
        format!("{} of {}", record.window, scope::shown(record.scope, records))
    }

    fn view(record: &Quota, look: &Look) -> QuotaView {
        let (scope, scope_id) = record.scope.parts();
        let cost = look.costs.iter().find(|cost| cost.quota_id == record.id);
        QuotaView {
            id: record.id,
            scope,
            scope_id,
            of: scope::name_of(record.scope, &look.records),
            window: record.window,
            limit: record.limit,
            cost_used: cost.map_or(Usd::ZERO, |cost| cost.used(record.window, look.now)),
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Quota) -> QuotaBody {
        let (scope, id) = record.scope.parts();
        QuotaBody { scope, of: Reference::Id(id), window: record.window, limit: record.limit }
    }

    fn record(body: QuotaBody, draft: &Draft<'_, Self>) -> Result<Quota, Problem> {
        if body.limit.is_negative() {
            return Err(Problem::field("limit", format!("expected zero or more, found \"{}\"", body.limit)));
        }
        Ok(Quota {
            id: draft.id,
            scope: scope::require(body.scope, &body.of, &draft.look.records)?,
            window: body.window,
            limit: body.limit,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
