//! Routing rules: how an operation in a dialect is served by a provider.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod reset;
pub(super) mod update;

use penstock_control::{Implementation, Records, RoutingRule};
use penstock_core::{Dialect, Operation, ProviderId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::providers::Providers;
use super::resource::{Draft, Filter, FindParent, Look, Resource, id_of, name_of, stands_for};
use super::schema::{words, words_or_null};

pub(in super::super) struct RoutingRules;

/// What a routing rule is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RoutingRuleBody {
    /// What is asked.
    #[schema(schema_with = words::<Operation>)]
    operation: Operation,
    /// The dialect in which it is asked.
    #[schema(schema_with = words::<Dialect>)]
    kind: Dialect,
    /// How it is served.
    #[schema(schema_with = words::<Implementation>)]
    implementation: Implementation,
    /// As which operation, with `transform_to`; absent: the same.
    #[schema(schema_with = words_or_null::<Operation>, required = false)]
    dest_operation: Option<Operation>,
    /// In which dialect, with `transform_to`.
    #[schema(schema_with = words_or_null::<Dialect>, required = false)]
    dest_kind: Option<Dialect>,
}

/// A routing rule.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RoutingRuleView {
    id: i64,
    provider_id: i64,
    provider: String,
    /// The name of the rule: its operation and its dialect, with a colon between them.
    name: String,
    #[schema(schema_with = words::<Operation>)]
    operation: Operation,
    #[schema(schema_with = words::<Dialect>)]
    kind: Dialect,
    #[schema(schema_with = words::<Implementation>)]
    implementation: Implementation,
    #[schema(schema_with = words_or_null::<Operation>)]
    dest_operation: Option<Operation>,
    #[schema(schema_with = words_or_null::<Dialect>)]
    dest_kind: Option<Dialect>,
    created_at: i64,
    updated_at: i64,
}

impl Resource for RoutingRules {
    type Body = RoutingRuleBody;
    type View = RoutingRuleView;

    stands_for!(RoutingRule in routing_rules);
    const NAME: &'static str = "routing_rule";
    const PARENT: Option<FindParent> = Some(id_of::<Providers>);
    const FILTERS: &'static [Filter] =
        &[Filter::Text("operation"), Filter::Text("kind"), Filter::Text("implementation")];

    fn parent(record: &RoutingRule) -> Option<i64> {
        Some(record.provider_id.0)
    }

    fn name(record: &RoutingRule, _: &Records) -> Option<String> {
        Some(format!("{}:{}", record.operation, record.kind))
    }

    fn target(record: &RoutingRule, records: &Records) -> String {
        let provider = name_of::<Providers>(record.provider_id, records);
        format!("{}:{} of provider {provider}", record.operation, record.kind)
    }

    fn view(record: &RoutingRule, look: &Look) -> RoutingRuleView {
        RoutingRuleView {
            id: record.id,
            provider_id: record.provider_id.0,
            provider: name_of::<Providers>(record.provider_id, &look.records),
            name: format!("{}:{}", record.operation, record.kind),
            operation: record.operation,
            kind: record.kind,
            implementation: record.implementation,
            dest_operation: record.dest_operation,
            dest_kind: record.dest_kind,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &RoutingRule) -> RoutingRuleBody {
        RoutingRuleBody {
            operation: record.operation,
            kind: record.kind,
            implementation: record.implementation,
            dest_operation: record.dest_operation,
            dest_kind: record.dest_kind,
        }
    }

    fn record(body: RoutingRuleBody, draft: &Draft<'_, Self>) -> Result<RoutingRule, Problem> {
        let transforms = body.implementation == Implementation::TransformTo;
        if transforms && body.dest_kind.is_none() {
            return Err(Problem::field("dest_kind", "expected a dialect, since transform_to needs one"));
        }
        if !transforms && body.dest_kind.is_some() {
            return Err(Problem::field("dest_kind", format!("expected none with {}", body.implementation)));
        }
        if !transforms && body.dest_operation.is_some() {
            return Err(Problem::field(
                "dest_operation",
                format!("expected none with {}", body.implementation),
            ));
        }
        Ok(RoutingRule {
            id: draft.id,
            provider_id: ProviderId(draft.parent),
            operation: body.operation,
            kind: body.kind,
            implementation: body.implementation,
            dest_operation: body.dest_operation,
            dest_kind: body.dest_kind,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
