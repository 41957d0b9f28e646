//! Providers, routes and aliases as requests use them: checked and indexed once, then only read.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use penstock_core::{Dialect, Operation, Secret, Timestamp};
use penstock_providers::{AuthScheme, Catalogue, Price, ProviderRow, ProviderTable};
use regex::Regex;

use crate::{TimeoutOverrides, Timeouts};

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

/// Why a configuration of providers and routes is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutingError {
    /// Two things have one name.
    #[error("{what} {name:?} is configured twice")]
    Repeated {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The provider table has no such row.
    #[error("provider {provider:?}: unknown channel {channel:?}: expected one of {known}")]
    UnknownChannel {
        /// The provider.
        provider: String,
        /// What it names.
        channel: String,
        /// What there is.
        known: String,
    },
    /// A provider has no address.
    #[error("provider {provider:?}: `base_url` is missing: channel {channel:?} has no default")]
    NoBaseUrl {
        /// The provider.
        provider: String,
        /// Its channel.
        channel: String,
    },
    /// An address cannot be used.
    #[error("provider {provider:?}: `base_url` is {url:?}: {problem}")]
    BadBaseUrl {
        /// The provider.
        provider: String,
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A name cannot be told from something else.
    #[error("{what} name {name:?}: {problem}")]
    BadName {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A secret cannot be sent.
    #[error(
        "provider {provider:?}: credential {credential:?} holds characters that no HTTP header can carry"
    )]
    BadCredential {
        /// The provider.
        provider: String,
        /// The credential.
        credential: String,
    },
    /// A route points nowhere.
    #[error("route {route:?}: unknown provider {provider:?}: configure it, or name one of {known}")]
    UnknownMember {
        /// The route.
        route: String,
        /// What it names.
        provider: String,
        /// What there is.
        known: String,
    },
    /// A route has nobody to serve it.
    #[error("route {0:?} has no members")]
    EmptyRoute(String),
    /// An alias is no regular expression.
    #[error("alias {alias:?}: {problem}")]
    BadAlias {
        /// The alias.
        alias: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// One secret of a provider, ready to be sent.
#[derive(Debug)]
pub struct Credential {
    /// Its name, for usage rows and logs.
    pub name: Arc<str>,
    /// The header it travels in; none where the provider takes no key.
    pub header: Option<(HeaderName, HeaderValue)>,
    cooling_until: AtomicI64,
}

impl Credential {
    /// Leaves the credential alone for a while.
    pub fn cool(&self, now: Timestamp, duration: Duration) {
        self.cooling_until.fetch_max(now.plus(duration).0, Ordering::Relaxed);
    }

    /// Whether it is being left alone.
    pub fn is_cooling(&self, now: Timestamp) -> bool {
        self.cooling_until.load(Ordering::Relaxed) > now.0
    }
}

/// A provider, ready to be called.
#[derive(Debug)]
pub struct Provider {
    /// Its name.
    pub name: Arc<str>,
    /// The row it follows.
    pub row: ProviderRow,
    /// Where it is, without a slash at the end.
    pub base_url: String,
    /// Its credentials in the order in which they are tried.
    pub credentials: Vec<Arc<Credential>>,
    /// Whether somebody set it up, rather than it being there for callers with their own keys.
    pub configured: bool,
    /// Its timeouts.
    pub timeouts: Timeouts,
    /// Headers it wants when the client sends none.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    models: Vec<(String, Option<Price>)>,
    endpoints: HashMap<(Operation, Dialect), Uri>,
}

impl Provider {
    /// The address of an endpoint whose path does not depend on the model.
    pub fn endpoint(&self, operation: Operation, dialect: Dialect) -> Option<&Uri> {
        self.endpoints.get(&(operation, dialect))
    }

    /// Whether anyone who can connect to it may use it.
    pub fn takes_no_key(&self) -> bool {
        self.row.local || self.row.auth == AuthScheme::None
    }

    /// The price of `model` in force here.
    pub fn price<'a>(&'a self, model: &str, catalogue: &'a Catalogue) -> Option<&'a Price> {
        let own = self.models.iter().find(|(id, _)| id == model).and_then(|(_, price)| price.as_ref());
        own.or_else(|| catalogue.get(&self.row.name, model).map(|model| &model.price))
    }

    /// The models it lists: those configured, else those of the catalogue.
    pub fn listed<'a>(&'a self, catalogue: &'a Catalogue) -> Vec<&'a str> {
        if self.models.is_empty() {
            return catalogue.models(&self.row.name).map(|model| model.id.as_str()).collect();
        }
        self.models.iter().map(|(id, _)| id.as_str()).collect()
    }

    /// Whether it is known to serve `model`.
    pub fn serves(&self, model: &str, catalogue: &Catalogue) -> bool {
        if self.models.is_empty() {
            return self.row.serves(model) || catalogue.get(&self.row.name, model).is_some();
        }
        self.models.iter().any(|(id, _)| id == model)
    }
}

/// A public model name.
#[derive(Debug)]
pub struct Route {
    /// The name.
    pub name: Arc<str>,
    /// Providers and their models, in the order in which they are tried.
    pub members: Vec<(Arc<Provider>, Arc<str>)>,
    /// Timeouts of its own.
    pub timeouts: TimeoutOverrides,
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
        Ok(Route { name: spec.name.into(), members, timeouts: spec.timeouts })
    }
}

fn alias_of((alias, target): (String, String)) -> Result<Alias, RoutingError> {
    // checked by itself first: a pattern such as `a)|(?:b` would get out of the brackets
    match Regex::new(&alias).and_then(|_| Regex::new(&format!("^(?:{alias})$"))) {
        Ok(pattern) => Ok(Alias { pattern, target }),
        Err(error) => Err(RoutingError::BadAlias { alias, problem: error.to_string() }),
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), RoutingError> {
    let bad = |problem| Err(RoutingError::BadName { what, name: name.to_owned(), problem });
    if name.trim().is_empty() {
        return bad("expected a name that is not empty");
    }
    if what == "provider" && !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    {
        return bad("expected letters, digits, '-', '_' and '.' only, since it stands in paths");
    }
    if what == "provider"
        && ["v1", "v1beta", "admin", "healthz", "readyz", "metrics", "version", "api"].contains(&name)
    {
        return bad("expected a name that is not one of the gateway's own paths");
    }
    Ok(())
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}

fn build(
    spec: &ProviderSpec,
    table: &ProviderTable,
    timeouts: Timeouts,
    configured: bool,
) -> Result<Provider, RoutingError> {
    let row = table.get(&spec.channel).ok_or_else(|| RoutingError::UnknownChannel {
        provider: spec.name.clone(),
        channel: spec.channel.clone(),
        known: list(table.rows().map(|row| row.name.as_str())),
    })?;
    let base_url = spec.base_url.as_ref().or(row.base_url.as_ref()).ok_or_else(|| {
        RoutingError::NoBaseUrl { provider: spec.name.clone(), channel: spec.channel.clone() }
    })?;
    let base_url = base_url.trim_end_matches('/').to_owned();
    check_base_url(&spec.name, &base_url)?;
    let mut endpoints = HashMap::new();
    for (operation, paths) in &row.endpoints {
        for (dialect, path) in paths.iter().filter(|(_, path)| !path.contains('{')) {
            let uri = format!("{base_url}{path}").parse().map_err(|_| bad_url(&spec.name, &base_url))?;
            endpoints.insert((*operation, *dialect), uri);
        }
    }
    Ok(Provider {
        name: spec.name.as_str().into(),
        base_url,
        credentials: credentials(spec, row)?,
        configured,
        timeouts: timeouts.with(spec.timeouts),
        headers: row
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect(),
        models: spec.models.clone(),
        endpoints,
        row: row.clone(),
    })
}

fn credentials(spec: &ProviderSpec, row: &ProviderRow) -> Result<Vec<Arc<Credential>>, RoutingError> {
    let credential = |name: &str, header| {
        Arc::new(Credential { name: name.into(), header, cooling_until: AtomicI64::new(0) })
    };
    if row.auth.header_name().is_none() || (row.local && spec.credentials.is_empty()) {
        return Ok(vec![credential("none", None)]);
    }
    let ready = spec.credentials.iter().map(|(name, secret)| {
        // the one place where a credential's secret is taken out: into a header marked sensitive
        match row.auth.header(secret.expose().trim()) {
            Some(Ok(header)) => Ok(credential(name, Some(header))),
            _ => Err(RoutingError::BadCredential { provider: spec.name.clone(), credential: name.clone() }),
        }
    });
    ready.collect()
}

fn check_base_url(provider: &str, url: &str) -> Result<(), RoutingError> {
    let bad = |problem| {
        Err(RoutingError::BadBaseUrl { provider: provider.to_owned(), url: redacted(url), problem })
    };
    let Ok(uri) = url.parse::<Uri>() else {
        return Err(bad_url(provider, url));
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return bad("expected http:// or https://");
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return bad("expected a host without user name and password: put the secret into a credential");
    }
    if uri.query().is_some() || url.contains('#') {
        return bad("expected neither a query nor a fragment");
    }
    if uri.host().is_none_or(str::is_empty) || (uri.port().is_some() && uri.port_u16().is_none()) {
        return bad("expected a host and, if any, a port from 0 to 65535");
    }
    if uri.host().is_some_and(is_metadata_service) {
        return bad("this is the metadata service of a cloud, which holds the machine's own credentials");
    }
    Ok(())
}

fn bad_url(provider: &str, url: &str) -> RoutingError {
    RoutingError::BadBaseUrl {
        provider: provider.to_owned(),
        url: redacted(url),
        problem: "expected a URL such as https://api.example.com/v1",
    }
}

/// A URL as it may be shown: what may hold a secret is left out.
fn redacted(url: &str) -> String {
    let shown = url.split(['?', '#']).next().unwrap_or_default();
    let scheme = shown.find("://").map_or(0, |at| at + 3);
    match shown.rfind('@') {
        Some(at) => format!("{}…{}", &shown[..scheme.min(at)], &shown[at..]),
        None => shown.to_owned(),
    }
}

/// Whether a host is where clouds keep the credentials of their machines, however it is spelled.
fn is_metadata_service(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let decimal = || address.parse::<u32>().ok().map(|number| IpAddr::from(number.to_be_bytes()));
    let address = address.parse::<IpAddr>().ok().or_else(decimal).map(|address| address.to_canonical());
    host == "metadata.google.internal"
        || address == Some(IpAddr::from([169, 254, 169, 254]))
        || address == Some(IpAddr::from([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]))
}

#[cfg(test)]
mod tests;
