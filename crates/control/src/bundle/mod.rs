//! Bundles: the whole control plane in one text, by names instead of ids.
//!
//! A [`Bundle`] is read from JSON, YAML or TOML, or [exported](Bundle::export) from records; [`plan()`] says
//! what it would change, and [`apply()`] changes it, in one transaction. What holds: what a bundle does not say
//! stays as it is, unless pruning was asked for; applied twice, the second time changes nothing; exports of
//! equal contents are equal in every byte; no secret is shown in an error, a plan or the audit trail.
//!
//! What a bundle can say is data, in `shape`; `docs/reference/bundle.md` writes it down.

mod apply;
mod check;
mod entry;
mod export;
mod form;
mod plan;
mod problem;
mod reference;
mod shape;
mod text;
mod write;

use std::collections::BTreeMap;

pub use self::apply::{Applied, ApplyError, apply};
use self::entry::Entry;
pub use self::export::Secrets;
pub use self::plan::{Action, FieldChange, MadeKey, Plan, PlanOptions, PlannedChange, plan};
pub use self::problem::{BundleError, BundleProblem};
pub use self::reference::References;
pub use self::text::Format;
use crate::ChannelRules;

/// The version of the format.
const VERSION: u32 = 1;

/// Records by their names. Sections that it does not have are none of its business.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    sections: BTreeMap<&'static str, Vec<Entry>>,
    /// What a provider starts with that it makes and of whose routing rules it says nothing.
    channels: ChannelRules,
}

impl Bundle {
    /// Reads a bundle. All that is wrong with it is told at once.
    pub fn read(text: &str, format: Format) -> Result<Self, BundleError> {
        check::bundle(&text::parse(text, format)?)
    }

    /// The modules that it gives to keys, each with whose key it is.
    pub fn pipelines(&self) -> impl Iterator<Item = (String, &str)> {
        let users = self.sections.get("users").into_iter().flatten();
        users.flat_map(|user| {
            let name = user.text("name").unwrap_or_default();
            let keys = user.lists.get("keys").into_iter().flatten();
            keys.filter_map(move |key| Some((format!("a key of user {name:?}"), key.text("pipeline")?)))
        })
    }

    /// The same; a provider that it makes starts with the routing rules of its channel, unless it names its own.
    #[must_use]
    pub fn seeding(self, channels: ChannelRules) -> Self {
        Self { channels, ..self }
    }

    /// As JSON, in the one way in which it is written. It may hold secrets in the open: it is for a file of
    /// its owner, or for an administrator.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests;
