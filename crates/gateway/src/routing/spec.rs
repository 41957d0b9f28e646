//! A configuration of providers and routes, as the file, the environment or records give it.

use penstock_core::Secret;
use penstock_providers::Price;

use crate::{OnLoss, TimeoutOverrides, Timeouts};

/// A provider as it is configured.
#[derive(Clone, Debug, Default)]
pub struct ProviderSpec {
    /// Its name in `provider/model` and in paths.
    pub name: String,
    /// The row of the provider table it follows.
    pub channel: String,
    /// Where it is, if not where the row says.
    pub base_url: Option<String>,
    /// Its credentials, by name.
    pub credentials: Vec<(String, Secret<String>)>,
    /// The models it is known to list, with their prices; empty: those of the catalogue.
    pub models: Vec<(String, Option<Price>)>,
    /// Timeouts of its own.
    pub timeouts: TimeoutOverrides,
}

/// A route as it is configured.
#[derive(Clone, Debug, Default)]
pub struct RouteSpec {
    /// The public model name.
    pub name: String,
    /// Its members in the order in which they are tried.
    pub members: Vec<Member>,
    /// Timeouts of its own.
    pub timeouts: TimeoutOverrides,
    /// What to do about a request that a member of another dialect cannot be given whole.
    pub on_loss: OnLoss,
}

/// One member of a route.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name of a configured provider.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
}

/// Everything routing is made from.
#[derive(Clone, Debug, Default)]
pub struct RoutingSpec {
    /// Configured providers.
    pub providers: Vec<ProviderSpec>,
    /// Routes.
    pub routes: Vec<RouteSpec>,
    /// Pairs of a full-match regular expression and its replacement, tried in order.
    pub aliases: Vec<(String, String)>,
    /// Whether callers may bring their own keys, so that providers without credentials are of use.
    pub own_keys: bool,
    /// Whether providers on this machine are there without being configured: only callers on this
    /// machine may be let through to them.
    pub local_providers: bool,
    /// Timeouts of whatever has none of its own.
    pub timeouts: Timeouts,
}
