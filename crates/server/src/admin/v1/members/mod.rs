//! Members of a route: the models of providers that answer for it.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Kept, Records, RouteMember};
use penstock_core::{ProviderId, RouteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::providers::Providers;
use super::resource::{Draft, Filter, FindParent, Look, Reference, Resource, id_of, name_of, stands_for};
use super::routes::Routes;
use super::schema::Count;

pub(in super::super) struct Members;

/// What a member is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct MemberBody {
    /// The provider, by id or name.
    provider: Reference,
    /// The provider's name of the model.
    upstream_model_id: String,
    /// Lower ones are tried first.
    #[serde(default)]
    tier: i64,
    /// Its share where members are chosen by weight.
    #[serde(default = "super::hundred")]
    weight: Count,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A member of a route.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MemberView {
    id: i64,
    route_id: i64,
    route: String,
    provider_id: i64,
    provider: String,
    upstream_model_id: String,
    /// Its name within the route: provider and model, with a slash between them.
    name: String,
    tier: i64,
    weight: u64,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Members {
    type Body = MemberBody;
    type View = MemberView;

    stands_for!(RouteMember in members);
    const NAME: &'static str = "member";
    const PARENT: Option<FindParent> = Some(id_of::<Routes>);
    const FILTERS: &'static [Filter] = &[Filter::Text("provider"), Filter::Flag("enabled")];

    fn parent(record: &RouteMember) -> Option<i64> {
        Some(record.route_id.0)
    }

    fn name(record: &RouteMember, records: &Records) -> Option<String> {
        Some(format!("{}/{}", name_of::<Providers>(record.provider_id.0, records), record.upstream_model_id))
    }

    fn target(record: &RouteMember, records: &Records) -> String {
        let name = Self::name(record, records).unwrap_or_default();
        format!("{name} of route {}", name_of::<Routes>(record.route_id, records))
    }

    fn view(record: &RouteMember, look: &Look) -> MemberView {
        MemberView {
            id: record.id,
            route_id: record.route_id.0,
            route: name_of::<Routes>(record.route_id, &look.records),
            provider_id: record.provider_id.0.0,
            provider: name_of::<Providers>(record.provider_id.0, &look.records),
            upstream_model_id: record.upstream_model_id.clone(),
            name: Self::name(record, &look.records).unwrap_or_default(),
            tier: record.tier,
            weight: record.weight,
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &RouteMember) -> MemberBody {
        MemberBody {
            provider: Reference::Id(record.provider_id.0.0),
            upstream_model_id: record.upstream_model_id.clone(),
            tier: record.tier,
            weight: Count(record.weight),
            enabled: record.enabled,
        }
    }

    fn record(body: MemberBody, draft: &Draft<'_, Self>) -> Result<RouteMember, Problem> {
        check::name("upstream_model_id", &body.upstream_model_id)?;
        let provider = body.provider.id::<Providers>("provider", &draft.look.records)?;
        Ok(RouteMember {
            id: draft.id,
            route_id: RouteId(draft.parent),
            provider_id: Kept(ProviderId(provider)),
            upstream_model_id: body.upstream_model_id,
            tier: body.tier,
            weight: body.weight.0,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
