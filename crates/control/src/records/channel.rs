//! The routing rules that a new provider starts with.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_core::{Dialect, Operation, ProviderId, Timestamp};

use super::{Implementation, RoutingRule};

/// One rule of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelRule {
    /// What is asked.
    pub operation: Operation,
    /// The dialect in which it is asked.
    pub kind: Dialect,
    /// How it is served.
    pub implementation: Implementation,
    /// In which dialect, with [`Implementation::TransformTo`].
    pub dest_kind: Option<Dialect>,
}

impl ChannelRule {
    /// The record of it, for a provider.
    pub fn record(&self, id: i64, provider_id: ProviderId, at: Timestamp) -> RoutingRule {
        RoutingRule {
            id,
            provider_id,
            operation: self.operation,
            kind: self.kind,
            implementation: self.implementation,
            dest_operation: None,
            dest_kind: self.dest_kind,
            created_at: at,
            updated_at: at,
        }
    }
}

/// The rules of every channel, by its name; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelRules(Arc<BTreeMap<String, Vec<ChannelRule>>>);

impl ChannelRules {
    /// What a provider of that channel starts with; nothing if nobody knows the channel.
    pub fn of(&self, channel: &str) -> &[ChannelRule] {
        self.0.get(channel).map_or(&[], Vec::as_slice)
    }
}

impl FromIterator<(String, Vec<ChannelRule>)> for ChannelRules {
    fn from_iter<I: IntoIterator<Item = (String, Vec<ChannelRule>)>>(rules: I) -> Self {
        Self(Arc::new(rules.into_iter().collect()))
    }
}
