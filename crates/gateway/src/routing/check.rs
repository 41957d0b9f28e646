//! From a provider as it is configured to one that can be called, or to a refusal.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use penstock_core::{ProxyUrl, Secret, Timestamp, is_loopback};
use penstock_providers::{ProviderRow, ProviderTable};

use super::valid::{check_base_url, check_provider_name};
use super::{Aliases, Credential, CredentialSpec, Provider, ProviderSpec, RoutingError, Via};
use crate::Timeouts;
use crate::health::{Board, Identity};
use crate::meters::ProviderMeters;
use crate::prepare::ends_here;

pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), RoutingError> {
    let bad = |problem| Err(RoutingError::BadName { what, name: name.to_owned(), problem });
    if name.trim().is_empty() {
        return bad("expected a name that is not empty");
    }
    if what == "provider" { check_provider_name(name).or_else(bad) } else { Ok(()) }
}

pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}

/// The provider, and what is wrong with those of its credentials that are left out.
pub(super) fn build(
    spec: &ProviderSpec,
    (table, board): (&ProviderTable, &Board),
    (timeouts, via): (Timeouts, &Via),
    configured: bool,
) -> Result<(Provider, Vec<RoutingError>), RoutingError> {
    let row = table.get(&spec.channel).ok_or_else(|| RoutingError::UnknownChannel {
        provider: spec.name.clone(),
        channel: spec.channel.clone(),
        known: list(table.rows().map(|row| row.name.as_str())),
    })?;
    let base_url = spec.base_url.as_ref().or(row.base_url.as_ref()).ok_or_else(|| {
        RoutingError::NoBaseUrl { provider: spec.name.clone(), channel: spec.channel.clone() }
    })?;
    let base_url = base_url.trim_end_matches('/').to_owned();
    check_base_url(&base_url).map_err(|problem| bad_url(&spec.name, &base_url, problem))?;
    let proxy = proxy(spec, via, &base_url)?;
    let mut endpoints = HashMap::new();
    for (operation, paths) in &row.endpoints {
        for (dialect, path) in paths.iter().filter(|(_, path)| !path.contains('{')) {
            let uri = format!("{base_url}{path}").parse();
            let uri =
                uri.map_err(|_| bad_url(&spec.name, &base_url, "expected an address that paths can follow"))?;
            endpoints.insert((*operation, *dialect), uri);
        }
    }
    let name: Arc<str> = spec.name.as_str().into();
    let (credentials, problems) = credentials(spec, &name, row, board);
    let provider = Provider {
        turn: board.turn("credentials", &name),
        name,
        base_url,
        proxy,
        credentials,
        credential_strategy: spec.credential_strategy,
        configured,
        timeouts: timeouts.with(spec.timeouts),
        breaker: spec.breaker,
        headers: row
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect(),
        own_headers: own_headers(spec)?,
        meters: ProviderMeters::default(),
        models: spec.models.clone(),
        disabled_models: spec.disabled_models.clone(),
        aliases: Aliases::default(),
        endpoints,
        row: row.clone(),
    };
    Ok((provider, problems))
}

/// The proxy of a provider: its own, or that of all; but what is on this machine, a proxy elsewhere would look for on
/// its own.
fn proxy(spec: &ProviderSpec, via: &Via, base_url: &str) -> Result<Option<Arc<ProxyUrl>>, RoutingError> {
    let host = base_url.parse::<Uri>().ok().and_then(|uri| uri.host().map(is_loopback));
    let via = match &spec.via {
        None if host == Some(true) => &Via::Direct,
        own => own.as_ref().unwrap_or(via),
    };
    match via {
        Via::Direct => Ok(None),
        Via::Proxy(proxy) => Ok(Some(Arc::clone(proxy))),
        Via::Unknown => Err(RoutingError::NoProxy(spec.name.clone())),
    }
}

fn own_headers(spec: &ProviderSpec) -> Result<Vec<(HeaderName, HeaderValue)>, RoutingError> {
    let header = |(name, value): &(String, Secret<String>)| {
        let bad =
            |problem| RoutingError::BadHeader { provider: spec.name.clone(), header: name.clone(), problem };
        let parsed = name.parse::<HeaderName>().map_err(|_| bad("expected the name of a header"))?;
        if ends_here(&parsed) {
            return Err(bad("the gateway sets it by itself, or never sends it: leave it out"));
        }
        let value = value.expose().parse::<HeaderValue>();
        let mut value = value.map_err(|_| bad("its value holds characters that no header can carry"))?;
        value.set_sensitive(true);
        Ok((parsed, value))
    };
    spec.headers.iter().map(header).collect()
}

fn credentials(
    spec: &ProviderSpec,
    provider: &Arc<str>,
    row: &ProviderRow,
    board: &Board,
) -> (Vec<Arc<Credential>>, Vec<RoutingError>) {
    let credential = |found: &CredentialSpec, header: Option<(HeaderName, HeaderValue)>| {
        let name: Arc<str> = found.name.as_str().into();
        let (identity, changed) = match found.record {
            Some((id, changed)) => (Identity::Record(id), changed),
            None => (Identity::Configured(Arc::clone(provider), Arc::clone(&name)), Timestamp::default()),
        };
        let mut secret = DefaultHasher::new();
        header.as_ref().map(|(_, value)| value.as_bytes()).hash(&mut secret);
        let health = board.credential(identity, (provider, &name), (changed, secret.finish()));
        Arc::new(Credential { name, header, weight: found.weight, limits: found.limits, health })
    };
    if row.auth.header_name().is_none() || (row.local && spec.credentials.is_empty()) {
        return (
            vec![credential(&CredentialSpec::new("none", Secret::from(String::new())), None)],
            Vec::new(),
        );
    }
    let (mut ready, mut problems) = (Vec::new(), Vec::new());
    for found in &spec.credentials {
        // the one place where a credential's secret is taken out: into a header marked sensitive
        match row.auth.header(found.secret.expose().trim()) {
            Some(Ok(header)) => ready.push(credential(found, Some(header))),
            _ => problems.push(RoutingError::BadCredential {
                provider: spec.name.clone(),
                credential: found.name.clone(),
            }),
        }
    }
    (ready, problems)
}

fn bad_url(provider: &str, url: &str, problem: &'static str) -> RoutingError {
    RoutingError::BadBaseUrl { provider: provider.to_owned(), url: redacted(url), problem }
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
