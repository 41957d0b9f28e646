//! Permissions: which models a scope may use.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Permission, Records, ScopeKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Reference, Resource, stands_for};
use super::schema::words;
use super::scope;

pub(in super::super) struct Permissions;

/// What a permission is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PermissionBody {
    /// What kind of thing it is for.
    #[schema(schema_with = words::<ScopeKind>)]
    scope: ScopeKind,
    /// Which one, by id or name.
    of: Reference,
    /// A glob over route names and `provider/model`; `*` stands for anything.
    route_pattern: String,
}

/// A permission.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PermissionView {
    id: i64,
    #[schema(schema_with = words::<ScopeKind>)]
    scope: ScopeKind,
    scope_id: i64,
    /// The name of what it is for.
    of: String,
    route_pattern: String,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Permissions {
    type Body = PermissionBody;
    type View = PermissionView;

    stands_for!(Permission in permissions);
    const NAME: &'static str = "permission";
    const FILTERS: &'static [Filter] =
        &[Filter::Text("scope"), Filter::Text("of"), Filter::Text("route_pattern")];

    fn name(_: &Permission, _: &Records) -> Option<String> {
        None
    }

    fn target(record: &Permission, records: &Records) -> String {
        format!("{} of {}", record.route_pattern, scope::shown(record.scope, records))
    }

    fn view(record: &Permission, look: &Look) -> PermissionView {
        let (scope, scope_id) = record.scope.parts();
        PermissionView {
            id: record.id,
            scope,
            scope_id,
            of: scope::name_of(record.scope, &look.records),
            route_pattern: record.route_pattern.clone(),
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Permission) -> PermissionBody {
        let (scope, id) = record.scope.parts();
        PermissionBody { scope, of: Reference::Id(id), route_pattern: record.route_pattern.clone() }
    }

    fn record(body: PermissionBody, draft: &Draft<'_, Self>) -> Result<Permission, Problem> {
        check::glob("route_pattern", &body.route_pattern)?;
        Ok(Permission {
            id: draft.id,
            scope: scope::require(body.scope, &body.of, &draft.look.records)?,
            route_pattern: body.route_pattern,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
