//! The routing rules that providers start with: what the rows of the provider table mean, as records.

use penstock_control::{ChannelRule, ChannelRules, Implementation};
use penstock_core::Dialect::{AnthropicMessages, Gemini, OpenaiChat, OpenaiResponses};
use penstock_core::Operation::{CountTokens, Embed, Generate, ListModels};
use penstock_core::{Dialect, Operation};
use penstock_providers::{ProviderRow, ProviderTable, ServedBy};

/// What clients can ask, and in which dialects.
const ASKED: [(Operation, &[Dialect]); 4] = [
    (Generate, &[OpenaiChat, OpenaiResponses, AnthropicMessages, Gemini]),
    (Embed, &[OpenaiChat, Gemini]),
    (CountTokens, &[AnthropicMessages, Gemini]),
    (ListModels, &[OpenaiChat, AnthropicMessages, Gemini]),
];

/// The rules of every channel.
pub fn channel_rules(table: &ProviderTable) -> ChannelRules {
    table.rows().map(|row| (row.name.clone(), rules_of(row))).collect()
}

/// The rules of one channel.
pub fn rules_of(row: &ProviderRow) -> Vec<ChannelRule> {
    let pairs = ASKED.iter().flat_map(|(operation, kinds)| kinds.iter().map(|kind| (*operation, *kind)));
    pairs
        .map(|(operation, kind)| {
            let (implementation, dest_kind) = match row.serves_by(operation, kind) {
                ServedBy::Passthrough => (Implementation::Passthrough, None),
                ServedBy::Translation(to) => (Implementation::TransformTo, Some(to)),
                ServedBy::Gateway => (Implementation::Local, None),
                ServedBy::Nobody => (Implementation::Unsupported, None),
            };
            ChannelRule { operation, kind, implementation, dest_kind }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(channel: &str) -> Vec<String> {
        let all = channel_rules(ProviderTable::builtin());
        let shown = |rule: &ChannelRule| {
            let to = rule.dest_kind.map(|kind| format!(" {kind}")).unwrap_or_default();
            format!("{}:{} {}{to}", rule.operation, rule.kind, rule.implementation)
        };
        all.of(channel).iter().map(shown).collect()
    }

    #[test]
    fn a_channel_passes_on_what_it_speaks_and_has_the_rest_translated() {
        assert_eq!(
            rules("anthropic"),
            [
                "generate:openai_chat transform_to anthropic_messages",
                "generate:openai_responses transform_to anthropic_messages",
                "generate:anthropic_messages passthrough",
                "generate:gemini transform_to anthropic_messages",
                "embed:openai_chat unsupported",
                "embed:gemini unsupported",
                "count_tokens:anthropic_messages passthrough",
                "count_tokens:gemini local",
                "list_models:openai_chat local",
                "list_models:anthropic_messages local",
                "list_models:gemini local",
            ]
        );
        let openai = rules("openai");
        assert!(openai.contains(&"generate:openai_responses passthrough".to_owned()), "{openai:?}");
        assert!(openai.contains(&"embed:gemini transform_to openai_chat".to_owned()), "{openai:?}");
        assert_eq!(rules("nobody"), [""; 0]);
    }

    #[test]
    fn every_channel_has_a_rule_for_everything_that_can_be_asked() {
        for row in ProviderTable::builtin().rows() {
            assert_eq!(rules(&row.name).len(), 11, "{}", row.name);
        }
    }
}
