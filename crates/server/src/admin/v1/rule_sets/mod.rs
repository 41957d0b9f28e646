//! Rule sets: rules that belong together.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Records, RuleSet};
use penstock_core::RuleSetId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Resource, stands_for};

pub(in super::super) struct RuleSets;

/// What a rule set is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RuleSetBody {
    /// Its name.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A rule set.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RuleSetView {
    id: i64,
    name: String,
    description: Option<String>,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for RuleSets {
    type Body = RuleSetBody;
    type View = RuleSetView;

    stands_for!(RuleSet in rule_sets);
    const NAME: &'static str = "rule_set";
    const FILTERS: &'static [Filter] = &[Filter::Flag("enabled")];

    fn name(record: &RuleSet, _: &Records) -> Option<String> {
        Some(record.name.clone())
    }

    fn view(record: &RuleSet, _: &Look) -> RuleSetView {
        RuleSetView {
            id: record.id.0,
            name: record.name.clone(),
            description: record.description.clone(),
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &RuleSet) -> RuleSetBody {
        RuleSetBody {
            name: record.name.clone(),
            description: record.description.clone(),
            enabled: record.enabled,
        }
    }

    fn record(body: RuleSetBody, draft: &Draft<'_, Self>) -> Result<RuleSet, Problem> {
        check::own_name("name", &body.name)?;
        Ok(RuleSet {
            id: RuleSetId(draft.id),
            name: body.name,
            description: body.description,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
