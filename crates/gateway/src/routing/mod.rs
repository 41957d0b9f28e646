//! Providers, routes and aliases as requests use them: checked and indexed once, then only read.
//!
//! A configuration that somebody writes into a file is refused as a whole if anything is wrong with it; of
//! one that comes out of records only what is wrong is left out.

mod alias;
mod check;
mod error;
mod live;
mod provider;
mod records;
mod settings;
mod spec;
#[cfg(test)]
mod tests;
mod valid;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use penstock_core::RouteStrategy;
use penstock_providers::{ProviderRow, ProviderTable};

use self::alias::Aliases;
use self::check::{build, check_name, list};
use crate::health::{Board, Latency};
use crate::{OnLoss, TimeoutOverrides};

pub use self::error::RoutingError;
pub use self::live::LiveRouting;
pub use self::provider::{Credential, Provider};
pub use self::records::Open;
pub use self::spec::{
    AliasSpec, CredentialSpec, MemberSpec, ModelSpec, ProviderSpec, RouteSpec, RoutingSpec, Via,
};
pub use self::valid::{check_alias, check_base_url, check_provider_name};

/// A public model name.
#[derive(Debug)]
pub struct Route {
    /// The name.
    pub name: Arc<str>,
    /// In which order the members of a tier are tried.
    pub strategy: RouteStrategy,
    /// Its members, by tier.
    pub members: Arc<[Member]>,
    /// Timeouts of its own.
    pub timeouts: TimeoutOverrides,
    /// What to do about a request that cannot be carried whole.
    pub on_loss: OnLoss,
    /// Whose turn it is among its members.
    pub(crate) turn: Arc<AtomicUsize>,
}

/// A provider's model that may answer.
#[derive(Clone, Debug)]
pub struct Member {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The provider's name of the model.
    pub model: Arc<str>,
    /// Lower ones are tried first.
    pub tier: i64,
    /// Its share where members are chosen by weight.
    pub weight: u64,
    /// How fast it is, where that matters.
    pub(crate) latency: Option<Arc<Latency>>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Routing {
    providers: Vec<Arc<Provider>>,
    routes: HashMap<String, Arc<Route>>,
    aliases: Aliases,
}

impl Routing {
    /// Checks and indexes a configuration, and refuses it if anything is wrong with it.
    pub fn new(spec: RoutingSpec, table: &ProviderTable) -> Result<Self, RoutingError> {
        let (routing, problems) = Self::build(spec, table, &Board::default());
        problems.into_iter().next().map_or(Ok(routing), Err)
    }

    /// Checks and indexes a configuration, and leaves out what is wrong with it. What `board` knows of
    /// credentials and turns goes on.
    pub fn build(spec: RoutingSpec, table: &ProviderTable, board: &Board) -> (Self, Vec<RoutingError>) {
        let (mut providers, mut problems) = (Vec::new(), Vec::new());
        let mut names = spec.withheld;
        for provider in &spec.providers {
            let checked = match check_name("provider", &provider.name) {
                Ok(()) if names.insert(provider.name.clone()) => {
                    build(provider, (table, board), (spec.timeouts, &spec.via), true)
                }
                Ok(()) => Err(RoutingError::Repeated { what: "provider", name: provider.name.clone() }),
                Err(error) => Err(error),
            };
            match checked {
                Ok((provider, left_out)) => {
                    providers.push(provider);
                    problems.extend(left_out);
                }
                Err(error) => problems.push(error),
            }
        }
        if spec.own_keys {
            let there = |row: &&ProviderRow| row.base_url.is_some() && (!row.local || spec.local_providers);
            for row in table.rows().filter(there).filter(|row| !names.contains(&row.name)) {
                let provider = ProviderSpec {
                    name: row.name.clone(),
                    channel: row.name.clone(),
                    ..ProviderSpec::default()
                };
                match build(&provider, (table, board), (spec.timeouts, &spec.via), false) {
                    Ok((provider, _)) => providers.push(provider),
                    Err(error) => problems.push(error),
                }
            }
        }
        let mut aliases = Aliases::default();
        for AliasSpec { provider, alias, target } in spec.aliases {
            let list = match &provider {
                None => Some(&mut aliases),
                Some(name) => {
                    providers.iter_mut().find(|found| *found.name == **name).map(|found| &mut found.aliases)
                }
            };
            let added = match (list, provider) {
                (Some(list), _) => list.add(&alias, &target),
                // what was said of the provider is said already
                (None, Some(provider)) if names.contains(&provider) => Ok(()),
                (None, provider) => {
                    Err(RoutingError::LostAlias { alias, provider: provider.unwrap_or_default() })
                }
            };
            problems.extend(added.err());
        }
        let providers = providers.into_iter().map(Arc::new).collect();
        let mut routing = Self { providers, routes: HashMap::new(), aliases };
        for route in spec.routes {
            problems.extend(routing.add_route(route, &names, board));
        }
        board.forget_unused();
        (routing, problems)
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
    pub fn unaliased<'a>(&self, requested: &'a str) -> Cow<'a, str> {
        self.aliases.rewrite(requested)
    }

    /// What `requested` becomes, step by step; nothing if no alias matches it.
    pub fn aliased<'a>(&self, requested: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        self.aliases.chain(requested)
    }

    /// Adds a route; of one that names what is not there, the rest.
    fn add_route(&mut self, spec: RouteSpec, names: &BTreeSet<String>, board: &Board) -> Vec<RoutingError> {
        if let Err(error) = check_name("route", &spec.name) {
            return vec![error];
        }
        if self.routes.contains_key(&spec.name) {
            return vec![RoutingError::Repeated { what: "route", name: spec.name }];
        }
        let (mut members, mut problems) = (Vec::new(), Vec::new());
        for member in spec.members {
            let found = self.provider(&member.provider).filter(|found| found.configured);
            match found {
                Some(provider) if provider.is_disabled(&member.model) => {}
                Some(provider) => {
                    let model = Arc::from(member.model);
                    let latency = (spec.strategy == RouteStrategy::LeastLatency)
                        .then(|| board.latency(&provider.name, &model));
                    let (tier, weight) = (member.tier, member.weight);
                    members.push(Member { provider: Arc::clone(provider), model, tier, weight, latency });
                }
                // disabled, or said already
                None if names.contains(&member.provider) => {}
                None => problems.push(RoutingError::UnknownMember {
                    route: spec.name.clone(),
                    provider: member.provider,
                    known: list(
                        self.providers.iter().filter(|found| found.configured).map(|found| &*found.name),
                    ),
                }),
            }
        }
        if members.is_empty() && problems.is_empty() {
            problems.push(RoutingError::EmptyRoute(spec.name.clone()));
        }
        // stable: within a tier the order of the list holds
        members.sort_by_key(|member| member.tier);
        let name: Arc<str> = spec.name.as_str().into();
        let route = Route {
            turn: board.turn("members", &name),
            name,
            strategy: spec.strategy,
            members: members.into(),
            timeouts: spec.timeouts,
            on_loss: spec.on_loss,
        };
        self.routes.insert(spec.name, Arc::new(route));
        problems
    }
}
