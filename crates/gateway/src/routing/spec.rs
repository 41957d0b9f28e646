//! A configuration of providers and routes, as the file, the environment or records give it.

use std::collections::BTreeSet;
use std::sync::Arc;

use penstock_core::{CredentialId, CredentialStrategy, ProxyUrl, RouteStrategy, Secret, Timestamp};
use penstock_providers::Price;

use crate::health::{BreakerSettings, Limits};
use crate::{OnLoss, TimeoutOverrides, Timeouts};

/// How providers are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// As they are.
    #[default]
    Direct,
    /// Through a proxy, and not around it.
    Proxy(Arc<ProxyUrl>),
    /// Through one whose address cannot be read: not at all.
    Unknown,
}

impl From<Option<ProxyUrl>> for Via {
    fn from(proxy: Option<ProxyUrl>) -> Self {
        proxy.map_or(Self::Direct, |proxy| Self::Proxy(Arc::new(proxy)))
    }
}

/// A provider as it is configured.
#[derive(Clone, Debug, Default)]
pub struct ProviderSpec {
    /// Its name in `provider/model` and in paths.
    pub name: String,
    /// The row of the provider table it follows.
    pub channel: String,
    /// Where it is, if not where the row says.
    pub base_url: Option<String>,
    /// How it is reached, if not as the others are.
    pub via: Option<Via>,
    /// Headers that go along, in place of the client's.
    pub headers: Vec<(String, Secret<String>)>,
    /// Its credentials.
    pub credentials: Vec<CredentialSpec>,
    /// Which of them is taken; `None`: in their order, the next only if one fails.
    pub credential_strategy: Option<CredentialStrategy>,
    /// The models it is known to list; empty: those of the catalogue.
    pub models: Vec<ModelSpec>,
    /// Models that are not used, whoever lists them.
    pub disabled_models: BTreeSet<String>,
    /// Timeouts of its own.
    pub timeouts: TimeoutOverrides,
    /// When its credentials are left alone after failures.
    pub breaker: BreakerSettings,
}

/// A credential as it is configured.
#[derive(Clone, Debug)]
pub struct CredentialSpec {
    /// Its name among those of the provider.
    pub name: String,
    /// The secret.
    pub secret: Secret<String>,
    /// Its share where credentials are chosen by weight.
    pub weight: u64,
    /// What its provider takes with it.
    pub limits: Limits,
    /// The record it is, and when that was changed; none if it stands in the configuration.
    pub record: Option<(CredentialId, Timestamp)>,
}

impl CredentialSpec {
    /// One of the configuration.
    pub fn new(name: impl Into<String>, secret: Secret<String>) -> Self {
        Self { name: name.into(), secret, weight: 1, limits: Limits::default(), record: None }
    }
}

/// A model of a provider as it is configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelSpec {
    /// The provider's name of it.
    pub id: String,
    /// Its price; absent: that of the catalogue.
    pub price: Option<Price>,
    /// Tokens that fit into it, if the catalogue's word does not hold.
    pub context: Option<u64>,
    /// Tokens it answers at most, if the catalogue's word does not hold.
    pub max_output: Option<u64>,
}

/// A route as it is configured.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// The public model name.
    pub name: String,
    /// In which order the members of a tier are tried.
    pub strategy: RouteStrategy,
    /// Its members.
    pub members: Vec<MemberSpec>,
    /// Timeouts of its own.
    pub timeouts: TimeoutOverrides,
    /// What to do about a request that a member of another dialect cannot be given whole.
    pub on_loss: OnLoss,
}

impl Default for RouteSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            strategy: RouteStrategy::Failover,
            members: Vec::new(),
            timeouts: TimeoutOverrides::default(),
            on_loss: OnLoss::default(),
        }
    }
}

/// One member of a route.
#[derive(Clone, Debug)]
pub struct MemberSpec {
    /// Name of a configured provider.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// Lower ones are tried first; within a tier the order of the list holds.
    pub tier: i64,
    /// Its share where members are chosen by weight.
    pub weight: u64,
}

/// A rewriting of requested names.
#[derive(Clone, Debug, Default)]
pub struct AliasSpec {
    /// The provider under which the name is asked for; `None`: whatever is asked for without one.
    pub provider: Option<String>,
    /// A regular expression that has to match the whole name.
    pub alias: String,
    /// What the name becomes; `$1` and the like stand for groups.
    pub target: String,
}

/// Everything routing is made from.
#[derive(Clone, Debug, Default)]
pub struct RoutingSpec {
    /// Configured providers.
    pub providers: Vec<ProviderSpec>,
    /// Names that stand for nothing although the provider table may have them.
    pub withheld: BTreeSet<String>,
    /// Routes.
    pub routes: Vec<RouteSpec>,
    /// Aliases, tried in order.
    pub aliases: Vec<AliasSpec>,
    /// Whether callers may bring their own keys, so that providers without credentials are of use.
    pub own_keys: bool,
    /// Whether providers on this machine are there without being configured: only callers on this
    /// machine may be let through to them.
    pub local_providers: bool,
    /// Timeouts of whatever has none of its own.
    pub timeouts: Timeouts,
    /// How providers are reached that say nothing else; those on this machine always directly.
    pub via: Via,
    /// The name of this gateway, whose settings among the records hold.
    pub instance: String,
}
