//! Providers, routes and aliases as requests use them: checked and indexed once, then only read.

mod check;
mod error;
mod provider;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use penstock_providers::{ProviderRow, ProviderTable};
use regex::Regex;

use self::check::{build, check_name, list};
use crate::{OnLoss, TimeoutOverrides};

pub use self::error::RoutingError;
pub use self::provider::{Credential, Provider};
pub use self::spec::{Member, ProviderSpec, RouteSpec, RoutingSpec};

/// A public model name.
#[derive(Debug)]
pub struct Route {
    /// The name.
    pub name: Arc<str>,
    /// Providers and their models, in the order in which they are tried.
    pub members: Vec<(Arc<Provider>, Arc<str>)>,
    /// Timeouts of its own.
    pub timeouts: TimeoutOverrides,
    /// What to do about a request that cannot be carried whole.
    pub on_loss: OnLoss,
}

/// A rewriting of requested names.
#[derive(Debug)]
pub struct Alias {
    pattern: Regex,
    target: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Routing {
    providers: Vec<Arc<Provider>>,
    routes: HashMap<String, Arc<Route>>,
    aliases: Vec<Alias>,
}

impl Routing {
    /// Checks and indexes a configuration.
    pub fn new(spec: RoutingSpec, table: &ProviderTable) -> Result<Self, RoutingError> {
        let mut providers = Vec::new();
        let mut names = BTreeSet::new();
        for provider in &spec.providers {
            check_name("provider", &provider.name)?;
            if !names.insert(provider.name.clone()) {
                return Err(RoutingError::Repeated { what: "provider", name: provider.name.clone() });
            }
            providers.push(Arc::new(build(provider, table, spec.timeouts, true)?));
        }
        if spec.own_keys {
            let there = |row: &&ProviderRow| row.base_url.is_some() && (!row.local || spec.local_providers);
            for row in table.rows().filter(there).filter(|row| !names.contains(&row.name)) {
                let provider = ProviderSpec {
                    name: row.name.clone(),
                    channel: row.name.clone(),
                    ..ProviderSpec::default()
                };
                providers.push(Arc::new(build(&provider, table, spec.timeouts, false)?));
            }
        }
        let mut routing = Self { providers, ..Self::default() };
        for route in spec.routes {
            let route = routing.route_of(route)?;
            if let Some(repeated) = routing.routes.insert(route.name.to_string(), Arc::new(route)) {
                return Err(RoutingError::Repeated { what: "route", name: repeated.name.to_string() });
            }
        }
        routing.aliases = spec.aliases.into_iter().map(alias_of).collect::<Result<_, _>>()?;
        Ok(routing)
    }

    /// All providers: the configured ones first.
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| &*provider.name == name)
    }

    /// The route of this name.
    pub fn route(&self, name: &str) -> Option<&Arc<Route>> {
        self.routes.get(name)
    }

    /// All routes, in no order.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values()
    }

    /// `requested` after the first alias that matches it as a whole.
    pub fn unaliased<'a>(&self, requested: &'a str) -> std::borrow::Cow<'a, str> {
        self.aliases
            .iter()
            .find(|alias| alias.pattern.is_match(requested))
            .map_or(requested.into(), |alias| alias.pattern.replace(requested, alias.target.as_str()))
    }

    fn route_of(&self, spec: RouteSpec) -> Result<Route, RoutingError> {
        check_name("route", &spec.name)?;
        if spec.members.is_empty() {
            return Err(RoutingError::EmptyRoute(spec.name));
        }
        let member = |member: Member| match self.provider(&member.provider).filter(|found| found.configured) {
            Some(provider) => Ok((Arc::clone(provider), Arc::from(member.model))),
            None => Err(RoutingError::UnknownMember {
                route: spec.name.clone(),
                provider: member.provider,
                known: list(self.providers.iter().filter(|found| found.configured).map(|found| &*found.name)),
            }),
        };
        let members = spec.members.into_iter().map(member).collect::<Result<_, _>>()?;
        Ok(Route { name: spec.name.into(), members, timeouts: spec.timeouts, on_loss: spec.on_loss })
    }
}

fn alias_of((alias, target): (String, String)) -> Result<Alias, RoutingError> {
    // checked by itself first: a pattern such as `a)|(?:b` would get out of the brackets
    match Regex::new(&alias).and_then(|_| Regex::new(&format!("^(?:{alias})$"))) {
        Ok(pattern) => Ok(Alias { pattern, target }),
        Err(error) => Err(RoutingError::BadAlias { alias, problem: error.to_string() }),
    }
}
