//! Providers, routes and aliases: from the file, and from the variables that people have set already.

use std::net::{SocketAddr, ToSocketAddrs};

use penstock_control::EVERY_PROVIDER;
use penstock_core::{ProxyUrl, Secret};
use penstock_gateway::health::Limits;
use penstock_gateway::{
    AliasSpec, CredentialSpec, MemberSpec, ModelSpec, OnLoss, ProviderSpec, RouteSpec, TimeoutOverrides, Via,
};
use penstock_providers::{Catalogue, ProviderRow, ProviderTable};

use super::file::{CredentialEntry, Lists, OnLossEntry, ProviderEntry, TimeoutsEntry};
use super::settings::Values;
use super::{ConfigError, Environment, parse_duration, secret_file};

/// The embedded provider table, with the rows of `provider_table` laid over it.
pub(super) fn table(values: &Values) -> Result<ProviderTable, ConfigError> {
    let mut table = ProviderTable::builtin().clone();
    if let Some(path) = values.find("provider_table") {
        let parsed = ProviderTable::parse(&text(path)?);
        table.merge(parsed.map_err(|error| ConfigError::new(format!("{path}: {error}")))?);
    }
    Ok(table)
}

/// The embedded catalogue, with the models of `catalogue` laid over it: our own form, or the public
/// `model_prices_and_context_window.json`.
pub(super) fn catalogue(values: &Values) -> Result<Catalogue, ConfigError> {
    let mut catalogue = Catalogue::builtin().clone();
    if let Some(path) = values.find("catalogue") {
        let text = text(path)?;
        let json = std::path::Path::new(path).extension().is_some_and(|extension| extension == "json");
        let parsed = if json { Catalogue::parse_public_json(&text) } else { Catalogue::parse(&text) };
        catalogue.merge(parsed.map_err(|error| ConfigError::new(format!("{path}: {error}")))?);
    }
    Ok(catalogue)
}

fn text(path: &str) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| ConfigError::new(format!("{path} cannot be read: {error}")))
}

/// The configured providers.
pub(super) struct Found {
    pub(super) specs: Vec<ProviderSpec>,
    /// For each, where its set-up comes from.
    pub(super) origins: Vec<(String, String)>,
}

/// Providers of the file first, in its order, then those of the environment, in the table's order.
pub(super) fn find(
    lists: Option<&Lists>,
    table: &ProviderTable,
    environment: Environment<'_>,
) -> Result<Found, ConfigError> {
    let mut found = Found { specs: Vec::new(), origins: Vec::new() };
    for entry in lists.map_or(&[][..], |lists| &lists.providers) {
        let (spec, origin) = from_file(entry, table, environment)?;
        found.origins.push((spec.name.clone(), origin));
        found.specs.push(spec);
    }
    for row in table.rows() {
        if found.specs.iter().any(|spec| spec.name == row.name) {
            continue;
        }
        if let Some((spec, origin)) = from_environment(row, environment)? {
            found.origins.push((spec.name.clone(), origin));
            found.specs.push(spec);
        }
    }
    Ok(found)
}

fn from_file(
    entry: &ProviderEntry,
    table: &ProviderTable,
    environment: Environment<'_>,
) -> Result<(ProviderSpec, String), ConfigError> {
    let channel = entry.channel.clone().unwrap_or_else(|| entry.name.clone());
    let mut credentials = entry
        .credentials
        .iter()
        .map(|credential| secret(&entry.name, credential, environment))
        .collect::<Result<Vec<_>, _>>()?;
    let mut origin = "file".to_owned();
    // a provider that keeps its own name keeps the key people have set for it
    if credentials.is_empty()
        && let Some(row) = table.get(&channel).filter(|row| row.name == entry.name)
        && let Some((variable, key)) = environment_key(row, environment)?
    {
        origin = format!("file, {variable}");
        credentials.push(CredentialSpec::new("env", key));
    }
    let own_row = table.get(&channel).filter(|row| row.name == entry.name);
    let named = own_row.and_then(|row| row.env_base_url.as_deref()).and_then(environment);
    let base_url = entry.base_url.clone().or(named);
    let models = entry.models.iter().map(|model| {
        let price = model.price.as_ref().map(super::file::PriceEntry::price);
        ModelSpec { id: model.id.clone(), price, ..ModelSpec::default() }
    });
    let spec = ProviderSpec {
        name: entry.name.clone(),
        channel,
        base_url,
        via: entry.proxy_url.as_ref().map(|text| via(&entry.name, text, environment)).transpose()?,
        credentials,
        credential_strategy: entry.credential_strategy,
        models: models.collect(),
        timeouts: timeouts(&format!("provider {:?}", entry.name), &entry.timeouts)?,
        breaker: entry.circuit_breaker,
        ..ProviderSpec::default()
    };
    Ok((spec, origin))
}

fn from_environment(
    row: &ProviderRow,
    environment: Environment<'_>,
) -> Result<Option<(ProviderSpec, String)>, ConfigError> {
    let key = environment_key(row, environment)?;
    let base_url = row.env_base_url.as_deref().and_then(|name| Some((name, environment(name)?)));
    let origins: Vec<_> =
        key.iter().map(|(name, _)| name.as_str()).chain(base_url.iter().map(|(name, _)| *name)).collect();
    let usable = base_url.is_some() || (row.base_url.is_some() && key.is_some());
    if !usable {
        return Ok(None);
    }
    let origin = origins.join(", ");
    let spec = ProviderSpec {
        name: row.name.clone(),
        channel: row.name.clone(),
        base_url: base_url.map(|(_, url)| url),
        credentials: key.into_iter().map(|(_, key)| CredentialSpec::new("env", key)).collect(),
        ..ProviderSpec::default()
    };
    Ok(Some((spec, origin)))
}

/// The key of a provider under the first of its variables that is set, or in the file its twin names.
fn environment_key(
    row: &ProviderRow,
    environment: Environment<'_>,
) -> Result<Option<(String, Secret<String>)>, ConfigError> {
    for name in &row.env_key {
        if let Some(key) = environment(name) {
            return Ok(Some((name.clone(), Secret::from(key))));
        }
        let twin = format!("{name}_FILE");
        if let Some(path) = environment(&twin) {
            let key = secret_file(&twin, &path)?;
            return Ok(Some((twin, key)));
        }
    }
    Ok(None)
}

fn secret(
    provider: &str,
    credential: &CredentialEntry,
    environment: Environment<'_>,
) -> Result<CredentialSpec, ConfigError> {
    let place = format!("provider {provider:?}, credential {:?}", credential.name);
    let secret = referred(&place, &credential.api_key, environment)?;
    if secret.expose().trim().is_empty() {
        return Err(ConfigError::new(format!("{place}: the secret is empty")));
    }
    let limits = Limits { requests: credential.rpm_limit, tokens: credential.tpm_limit };
    Ok(CredentialSpec { weight: credential.weight, limits, ..CredentialSpec::new(&credential.name, secret) })
}

fn via(provider: &str, text: &Secret<String>, environment: Environment<'_>) -> Result<Via, ConfigError> {
    let place = format!("provider {provider:?}: proxy_url");
    let url = referred(&place, text, environment)?;
    Ok(ProxyUrl::parse(&url).map_err(|error| ConfigError::new(format!("{place}: {error}")))?.into())
}

/// A secret that stands in the file, or where the file says.
fn referred(
    place: &str,
    text: &Secret<String>,
    environment: Environment<'_>,
) -> Result<Secret<String>, ConfigError> {
    // what begins like a reference is looked at, the rest is the secret
    if let Some(name) = text.expose().strip_prefix("env:") {
        let unset = || ConfigError::new(format!("{place}: the variable {name} is not set"));
        environment(name).map(Secret::from).ok_or_else(unset)
    } else if let Some(path) = text.expose().strip_prefix("file:") {
        secret_file(place, path)
    } else {
        Ok(text.clone())
    }
}

/// Routes, and aliases with their targets.
type Routes = (Vec<RouteSpec>, Vec<AliasSpec>);

/// Routes and aliases.
pub(super) fn routes(lists: Option<&Lists>) -> Result<Routes, ConfigError> {
    let Some(lists) = lists else { return Ok((Vec::new(), Vec::new())) };
    let mut routes = Vec::new();
    for route in &lists.routes {
        let mut by_tier: Vec<_> = route.members.iter().collect();
        // stable: within a tier the order of the file holds
        by_tier.sort_by_key(|member| member.tier);
        let member = |member: &super::file::MemberEntry| MemberSpec {
            provider: member.provider.clone(),
            model: member.model.clone(),
            tier: member.tier,
            weight: member.weight,
        };
        routes.push(RouteSpec {
            name: route.name.clone(),
            strategy: route.strategy,
            members: by_tier.into_iter().map(member).collect(),
            timeouts: timeouts(&format!("route {:?}", route.name), &route.timeouts)?,
            on_loss: match route.on_loss {
                OnLossEntry::Warn => OnLoss::Warn,
                OnLossEntry::Reject => OnLoss::Reject,
            },
        });
    }
    let alias = |alias: &super::file::AliasEntry| AliasSpec {
        provider: alias.provider.clone().filter(|provider| provider != EVERY_PROVIDER),
        alias: alias.alias.clone(),
        target: alias.target.clone(),
    };
    Ok((routes, lists.aliases.iter().map(alias).collect()))
}

fn timeouts(place: &str, entry: &TimeoutsEntry) -> Result<TimeoutOverrides, ConfigError> {
    let read = |name: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => match parse_duration(text).filter(|duration| !duration.is_zero()) {
            Some(duration) => Ok(Some(duration)),
            None => Err(ConfigError::new(format!(
                "{place}: timeouts.{name}: expected a duration such as 250ms, 30s or 5m, found {text:?}"
            ))),
        },
    };
    Ok(TimeoutOverrides {
        connect: read("connect", &entry.connect)?,
        first_byte: read("first_byte", &entry.first_byte)?,
        idle: read("idle", &entry.idle)?,
        total: read("total", &entry.total)?,
    })
}

/// Clients on this machine have `OPENAI_BASE_URL` and its like set to this gateway. Started from the
/// same shell, the gateway would take itself for the provider and call itself for ever.
pub(super) fn refuse_self(
    specs: &[ProviderSpec],
    table: &ProviderTable,
    listen: &[SocketAddr],
) -> Result<(), ConfigError> {
    for spec in specs {
        let Some(url) = &spec.base_url else { continue };
        let authority = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        let with_port =
            if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let Some(port) = with_port.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()) else {
            continue;
        };
        if port == 0 || !listen.iter().any(|address| address.port() == port) {
            continue;
        }
        let addresses = with_port.to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
        let own = |address: &SocketAddr| {
            listen.contains(address)
                || (address.ip().is_loopback()
                    && listen.iter().any(|own| own.ip().is_unspecified() || own.ip().is_loopback()))
        };
        if addresses.iter().any(own) {
            let variable = table
                .get(&spec.channel)
                .and_then(|row| row.env_base_url.as_deref())
                .unwrap_or("its base URL");
            return Err(ConfigError::new(format!(
                "provider {:?}: base_url {url:?} is this gateway itself: unset {variable} for the gateway, it is \
                 meant for its clients",
                spec.name
            )));
        }
    }
    Ok(())
}
