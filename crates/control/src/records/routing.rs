//! Public model names and what they stand for.

use penstock_core::{ProviderId, RouteId, RouteStrategy};
use serde::Serialize;
use serde_json::Value;

use super::define::record;

record! {
    /// A public model name.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Route(RouteId) in "routes", unique(name) {
        /// The name.
        pub name: String,
        /// In which order members of a tier are tried.
        pub strategy: RouteStrategy,
        /// An object: `timeouts`, `on_loss` and the like.
        pub settings: Option<Value>,
        /// What it is for.
        pub description: Option<String>,
        /// Whether it is there for callers.
        pub enabled: bool,
    }
}

record! {
    /// A provider's model that answers for a route.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct RouteMember(i64) in "route_members", unique(route_id, provider_id, upstream_model_id) {
        /// The route.
        pub route_id: RouteId,
        /// The provider.
        pub provider_id: Kept<ProviderId>,
        /// The provider's name of the model.
        pub upstream_model_id: String,
        /// Lower ones are tried first.
        pub tier: i64,
        /// Its share where members are chosen by weight.
        pub weight: u64,
        /// Whether it is used.
        pub enabled: bool,
    }
}

/// The provider of all aliases that are for every provider.
pub const EVERY_PROVIDER: &str = "*";

record! {
    /// A rewriting of requested names.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Alias(i64) in "aliases", unique(provider, alias) {
        /// The name of the provider under which it is asked for, or [`EVERY_PROVIDER`].
        pub provider: String,
        /// A regular expression that has to match the whole name.
        pub alias: String,
        /// What the name becomes; `$1` and the like stand for groups.
        pub target: String,
        /// Lower ones are tried first.
        pub sort_order: i64,
        /// Whether it is used.
        pub enabled: bool,
    }
}

use crate::table::Kept;
