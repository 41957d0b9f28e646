//! Attachments: which rule sets a provider's requests go through.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{ProviderRuleSet, Records};
use penstock_core::{ProviderId, RuleSetId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::providers::Providers;
use super::resource::{Draft, Filter, FindParent, Look, Reference, Resource, id_of, name_of, stands_for};
use super::rule_sets::RuleSets;

pub(in super::super) struct Attachments;

/// What an attachment is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AttachmentBody {
    /// The rule set, by id or name.
    rule_set: Reference,
    /// Its place among those of the provider: lower ones come first.
    #[serde(default)]
    sort_order: i64,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// An attachment; its name is that of the rule set.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct AttachmentView {
    id: i64,
    provider_id: i64,
    provider: String,
    rule_set_id: i64,
    rule_set: String,
    sort_order: i64,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Attachments {
    type Body = AttachmentBody;
    type View = AttachmentView;

    stands_for!(ProviderRuleSet in attachments);
    const NAME: &'static str = "attachment";
    const PARENT: Option<FindParent> = Some(id_of::<Providers>);
    const FILTERS: &'static [Filter] = &[Filter::Text("rule_set"), Filter::Flag("enabled")];

    fn parent(record: &ProviderRuleSet) -> Option<i64> {
        Some(record.provider_id.0)
    }

    fn name(record: &ProviderRuleSet, records: &Records) -> Option<String> {
        Some(name_of::<RuleSets>(record.rule_set_id, records))
    }

    fn target(record: &ProviderRuleSet, records: &Records) -> String {
        let set = name_of::<RuleSets>(record.rule_set_id, records);
        format!("{set} to provider {}", name_of::<Providers>(record.provider_id, records))
    }

    fn view(record: &ProviderRuleSet, look: &Look) -> AttachmentView {
        AttachmentView {
            id: record.id,
            provider_id: record.provider_id.0,
            provider: name_of::<Providers>(record.provider_id, &look.records),
            rule_set_id: record.rule_set_id.0,
            rule_set: name_of::<RuleSets>(record.rule_set_id, &look.records),
            sort_order: record.sort_order,
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &ProviderRuleSet) -> AttachmentBody {
        AttachmentBody {
            rule_set: Reference::Id(record.rule_set_id.0),
            sort_order: record.sort_order,
            enabled: record.enabled,
        }
    }

    fn record(body: AttachmentBody, draft: &Draft<'_, Self>) -> Result<ProviderRuleSet, Problem> {
        let rule_set = body.rule_set.id::<RuleSets>("rule_set", &draft.look.records)?;
        Ok(ProviderRuleSet {
            id: draft.id,
            provider_id: ProviderId(draft.parent),
            rule_set_id: RuleSetId(rule_set),
            sort_order: body.sort_order,
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}
