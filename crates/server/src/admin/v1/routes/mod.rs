//! Routes: public model names.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Records, Route};
use penstock_core::{RouteId, RouteStrategy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Resource, stands_for};
use super::schema::{object_or_null, words};

pub(in super::super) struct Routes;

/// What a route is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RouteBody {
    /// The name that clients ask for.
    name: String,
    /// In which order members of a tier are tried.
    #[serde(default = "first_strategy")]
    #[schema(schema_with = words::<RouteStrategy>)]
    strategy: RouteStrategy,
    /// `timeouts`, `on_loss` and the like.
    #[schema(schema_with = object_or_null, required = false)]
    settings: Option<Value>,
    /// What it is for.
    description: Option<String>,
    /// Whether it is there for callers.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A route.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RouteView {
    id: i64,
    name: String,
    #[schema(schema_with = words::<RouteStrategy>)]
    strategy: RouteStrategy,
    #[schema(schema_with = object_or_null)]
    settings: Option<Value>,
    description: Option<String>,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Routes {
    type Body = RouteBody;
    type View = RouteView;

    stands_for!(Route in routes);
    const NAME: &'static str = "route";
    const FILTERS: &'static [Filter] = &[Filter::Text("strategy"), Filter::Flag("enabled")];

    fn name(record: &Route, _: &Records) -> Option<String> {
        Some(record.name.clone())
    }

    fn view(record: &Route, _: &Look) -> RouteView {
        RouteView {
            id: record.id.0,
            name: record.name.clone(),
            strategy: record.strategy,
            settings: record.settings.clone(),
            description: record.description.clone(),
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Route) -> RouteBody {
        RouteBody {
            name: record.name.clone(),
            strategy: record.strategy,
            settings: record.settings.clone(),
            description: record.description.clone(),
            enabled: record.enabled,
        }
    }

    fn record(body: RouteBody, draft: &Draft<'_, Self>) -> Result<Route, Problem> {
        check::own_name("name", &body.name)?;
        if let Some(settings) = &body.settings {
            check::object("settings", settings)?;
        }
        Ok(Route {
            id: RouteId(draft.id),
            name: body.name,
            strategy: body.strategy,
            settings: body.settings,
            description: body.description,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}

fn first_strategy() -> RouteStrategy {
    RouteStrategy::Failover
}
