//! Rules of a set: what is changed of requests and answers.

pub(super) mod config;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Records, Rule, RuleKind};
use penstock_core::{Operation, RuleSetId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, FindParent, Look, Resource, id_of, name_of, stands_for};
use super::rule_sets::RuleSets;
use super::schema::{any_object, list_of_words_or_null, object_or_null, words};

pub(in super::super) struct Rules;

/// What a rule is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RuleBody {
    /// What it does.
    #[schema(schema_with = words::<RuleKind>)]
    kind: RuleKind,
    /// How it does it.
    #[schema(schema_with = any_object)]
    config: Value,
    /// A glob of models for which it holds; absent: all.
    filter_model: Option<String>,
    /// Operations for which it holds; absent: all.
    #[schema(schema_with = list_of_words_or_null::<Operation>, required = false)]
    filter_operations: Option<Vec<Operation>>,
    /// A header and a pattern of its value, as `name` and `pattern`, with which it holds; absent: always.
    #[schema(schema_with = object_or_null, required = false)]
    filter_header: Option<Value>,
    /// Its place in the set, which it has for itself: lower ones come first.
    sort_order: i64,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A rule; only its id tells it apart.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RuleView {
    id: i64,
    rule_set_id: i64,
    rule_set: String,
    #[schema(schema_with = words::<RuleKind>)]
    kind: RuleKind,
    #[schema(schema_with = any_object)]
    config: Value,
    filter_model: Option<String>,
    #[schema(schema_with = list_of_words_or_null::<Operation>)]
    filter_operations: Option<Value>,
    #[schema(schema_with = object_or_null)]
    filter_header: Option<Value>,
    sort_order: i64,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Rules {
    type Body = RuleBody;
    type View = RuleView;

    stands_for!(Rule in rules);
    const NAME: &'static str = "rule";
    const PARENT: Option<FindParent> = Some(id_of::<RuleSets>);
    const FILTERS: &'static [Filter] = &[Filter::Text("kind"), Filter::Flag("enabled")];

    fn parent(record: &Rule) -> Option<i64> {
        Some(record.rule_set_id.0)
    }

    fn name(_: &Rule, _: &Records) -> Option<String> {
        None
    }

    fn target(record: &Rule, records: &Records) -> String {
        format!("{} of rule set {}", record.sort_order, name_of::<RuleSets>(record.rule_set_id, records))
    }

    fn view(record: &Rule, look: &Look) -> RuleView {
        RuleView {
            id: record.id,
            rule_set_id: record.rule_set_id.0,
            rule_set: name_of::<RuleSets>(record.rule_set_id, &look.records),
            kind: record.kind,
            config: record.config.clone(),
            filter_model: record.filter_model.clone(),
            filter_operations: record.filter_operations.clone(),
            filter_header: record.filter_header.clone(),
            sort_order: record.sort_order,
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Rule) -> RuleBody {
        let operations = record.filter_operations.clone();
        RuleBody {
            kind: record.kind,
            config: record.config.clone(),
            filter_model: record.filter_model.clone(),
            filter_operations: operations.and_then(|operations| serde_json::from_value(operations).ok()),
            filter_header: record.filter_header.clone(),
            sort_order: record.sort_order,
            enabled: record.enabled,
        }
    }

    fn record(body: RuleBody, draft: &Draft<'_, Self>) -> Result<Rule, Problem> {
        config::check(body.kind, &body.config)?;
        if let Some(glob) = &body.filter_model {
            check::glob("filter_model", glob)?;
        }
        if let Some(header) = &body.filter_header {
            config::check_filter(header)?;
        }
        let operations = body.filter_operations.map(|operations| {
            operations.into_iter().map(|operation| Value::from(operation.as_str())).collect::<Value>()
        });
        Ok(Rule {
            id: draft.id,
            rule_set_id: RuleSetId(draft.parent),
            kind: body.kind,
            config: body.config,
            filter_model: body.filter_model,
            filter_operations: operations,
            filter_header: body.filter_header,
            sort_order: body.sort_order,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
