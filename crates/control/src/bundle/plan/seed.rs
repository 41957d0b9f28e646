//! The routing rules of a provider that is made: those of its channel, where the bundle has none.

use penstock_core::{ProviderId, Timestamp};

use super::Planner;
use crate::Kind;
use crate::bundle::entry::Entry;
use crate::bundle::shape::Shape;
use crate::table::Entity as _;

impl Planner<'_> {
    /// They are told of in a note: nobody asked for each of them.
    pub(super) fn seed(&mut self, shape: &Shape, entry: &Entry, provider: i64) {
        let Some(rules) = shape.sublist("routing_rules") else { return };
        if entry.lists.contains_key(rules.list) {
            return;
        }
        let name = entry.text("name").unwrap_or_default();
        let channel = entry.text("channel").unwrap_or(name);
        let seeds = self.channels.of(channel);
        for seed in seeds {
            let mut row = seed.record(0, ProviderId(provider), Timestamp(self.now.0)).row();
            let id = self.new_id(rules, &mut row);
            self.planned.insert((Kind::RoutingRule, id), row);
        }
        if !seeds.is_empty() {
            let says = format!(
                "the new provider {name:?} starts with the {} routing rules of the channel {channel:?}",
                seeds.len()
            );
            self.plan.notes.push(says);
        }
    }
}
