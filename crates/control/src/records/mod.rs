//! What the control plane remembers, as plain data: one file for each group of records.
//!
//! Ids below zero are temporary: they name a record that is made in the same [`ChangeSet`], and the
//! store puts the real id wherever one is used.

mod change;
mod channel;
mod define;
mod identity;
mod limits;
mod opened;
mod providers;
mod routing;
mod rules;
mod scope;
mod set;
mod settings;

use penstock_core::Secret;

use self::define::kinds;
use crate::ControlError;
use crate::seal::{Binding, Keyring, SealError, Stored};

pub use self::change::{AuditEntry, Change, ChangeSet};
pub use self::channel::{ChannelRule, ChannelRules};
pub use self::identity::{DEFAULT_ORG, KeyTombstone, Org, Team, User, UserKey};
pub use self::limits::{Permission, Quota, RateLimit, Window};
pub use self::opened::Opened;
pub use self::providers::{Credential, Provider, ProviderModel};
pub use self::routing::{Alias, EVERY_PROVIDER, Route, RouteMember};
pub use self::rules::{Implementation, ProviderRuleSet, RoutingRule, Rule, RuleKind, RuleSet};
pub(crate) use self::scope::{SCOPE, SCOPE_ID};
pub use self::scope::{Scope, ScopeKind};
pub use self::set::Set;
pub use self::settings::{DEFAULT_INSTANCE, InstanceSettings};

kinds! {
    /// All organisations.
    Org("organisation") in orgs,
    /// All teams.
    Team("team") in teams,
    /// All users.
    User("user") in users,
    /// All keys.
    UserKey("key") in keys,
    /// Digests of all deleted keys.
    KeyTombstone("deleted key") in tombstones,
    /// All providers.
    Provider("provider") in providers,
    /// All credentials.
    Credential("credential") in credentials,
    /// All models of providers.
    ProviderModel("model") in models,
    /// How operations are served.
    RoutingRule("routing rule") in routing_rules,
    /// All rule sets.
    RuleSet("rule set") in rule_sets,
    /// All rules.
    Rule("rule") in rules,
    /// Which sets are attached to which providers.
    ProviderRuleSet("attachment of a rule set") in attachments,
    /// All routes.
    Route("route") in routes,
    /// All members of routes.
    RouteMember("route member") in members,
    /// All aliases.
    Alias("alias") in aliases,
    /// All permissions.
    Permission("permission") in permissions,
    /// All rate limits.
    RateLimit("rate limit") in rate_limits,
    /// All quotas.
    Quota("quota") in quotas,
    /// The settings of all instances.
    InstanceSettings("settings") in settings,
}

/// A secret that a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSecret {
    /// What holds it.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// Which of its fields it is.
    pub field: &'static str,
    /// The secret.
    pub stored: Stored,
}

impl HeldSecret {
    /// The secret itself.
    pub fn open(&self, keyring: &Keyring) -> Result<Secret<String>, SealError> {
        keyring.open(&self.stored, &Binding::row(self.kind.table().name, self.id, self.field))
    }
}

impl Records {
    /// All secrets of all records.
    pub fn secrets(&self) -> impl Iterator<Item = HeldSecret> {
        fn held(kind: Kind, id: i64, field: &'static str, stored: Option<&Stored>) -> Option<HeldSecret> {
            stored.map(|stored| HeldSecret { kind, id, field, stored: stored.clone() })
        }
        let keys = self.keys.iter();
        let keys =
            keys.filter_map(|key| held(Kind::UserKey, key.id.0, "sealed_key", key.sealed_key.as_ref()));
        let providers = self.providers.iter();
        let providers =
            providers.filter_map(|one| held(Kind::Provider, one.id.0, "proxy_url", one.proxy_url.as_ref()));
        let credentials = self.credentials.iter();
        let credentials =
            credentials.filter_map(|one| held(Kind::Credential, one.id.0, "secret", Some(&one.secret)));
        let settings = self.settings.iter();
        let settings = settings
            .filter_map(|one| held(Kind::InstanceSettings, one.id, "proxy_url", one.proxy_url.as_ref()));
        keys.chain(providers).chain(credentials).chain(settings)
    }

    /// These records, with the ids they have.
    pub fn of(records: impl IntoIterator<Item = Record>) -> Result<Self, ControlError> {
        let mut all = Self::default();
        records.into_iter().try_for_each(|record| all.put(record.kind(), record.row()))?;
        Ok(all)
    }

    /// The user with this id or name.
    pub fn user(&self, id_or_name: &str) -> Option<&User> {
        self.users.named(id_or_name).map(|user| &**user)
    }

    /// The globs of what a scope may use.
    pub(crate) fn patterns_of(&self, scope: Scope) -> Vec<&str> {
        let (kind, id) = scope.parts();
        let scope = [kind.as_str().into(), id.into()];
        let found = self.permissions.starting_with(&scope).into_iter();
        found.map(|permission| permission.route_pattern.as_str()).collect()
    }

    /// The organisation everyone starts in.
    pub fn default_org(&self) -> Option<&Org> {
        self.orgs.named(DEFAULT_ORG).map(|org| &**org)
    }
}
