//! The records of the control store, laid over what the configuration says.

use std::collections::{BTreeMap, BTreeSet};

use penstock_control::seal::{SealError, Stored};
use penstock_control::{
    Credential, DEFAULT_INSTANCE, EVERY_PROVIDER, HeldSecret, Kind, Provider, ProviderModel, Records, Route,
    RouteMember,
};
use penstock_core::{ProviderId, ProxyUrl, Secret};

use super::settings::{ProviderSettings, RouteSettings, price, read};
use super::{
    AliasSpec, CredentialSpec, MemberSpec, ModelSpec, ProviderSpec, RouteSpec, RoutingError, RoutingSpec, Via,
};
use crate::health::Limits;

/// How a secret of a record is opened.
pub type Open<'a> = &'a mut dyn FnMut(&HeldSecret) -> Result<Secret<String>, SealError>;

/// What belongs to a provider.
#[derive(Default)]
struct Belongings<'a> {
    credentials: Vec<&'a Credential>,
    models: Vec<&'a ProviderModel>,
}

impl RoutingSpec {
    /// This configuration with the records laid over it: where both have something of one name, the record
    /// holds. A record that cannot be used is left out, and what is wrong with it is among the problems; its
    /// name then stands for nothing.
    pub fn with_records(mut self, records: &Records, open: Open<'_>) -> (Self, Vec<RoutingError>) {
        let mut problems = Vec::new();
        let mut belongings = BTreeMap::<ProviderId, Belongings<'_>>::new();
        for credential in records.credentials.iter().filter(|credential| credential.enabled) {
            belongings.entry(credential.provider_id).or_default().credentials.push(credential);
        }
        for model in records.models.iter() {
            belongings.entry(model.provider_id).or_default().models.push(model);
        }
        let mut providers = Vec::new();
        for provider in records.providers.iter() {
            let name = &provider.name;
            if hides(&mut self.providers, |spec| spec.name == *name) {
                problems.push(RoutingError::Hidden { what: "provider", name: name.clone() });
            }
            let belongings = belongings.remove(&provider.id).unwrap_or_default();
            let spec = provider
                .enabled
                .then(|| provider_spec(provider, &belongings, open, &mut problems))
                .transpose();
            match spec {
                Ok(Some(spec)) => providers.push(spec),
                Ok(None) => drop(self.withheld.insert(name.clone())),
                Err(problem) => {
                    self.withheld.insert(name.clone());
                    problems.push(problem);
                }
            }
        }
        providers.append(&mut self.providers);
        let mut routes = Vec::new();
        for route in records.routes.iter() {
            if hides(&mut self.routes, |spec| spec.name == route.name) {
                problems.push(RoutingError::Hidden { what: "route", name: route.name.clone() });
            }
            match route.enabled.then(|| route_spec(route, records)).transpose() {
                Ok(spec) => routes.extend(spec),
                Err(problem) => problems.push(problem),
            }
        }
        routes.append(&mut self.routes);
        let mut aliases = aliases(records);
        aliases.append(&mut self.aliases);
        let via = self.via_of(records, open, &mut problems);
        (Self { providers, routes, aliases, via, ..self }, problems)
    }

    /// How providers are reached: as the settings of this gateway say, else those of all, else the configuration.
    fn via_of(&self, records: &Records, open: Open<'_>, problems: &mut Vec<RoutingError>) -> Via {
        let all = &records.settings;
        let settings = all.named(&self.instance).or_else(|| all.named(DEFAULT_INSTANCE));
        let Some((settings, stored)) =
            settings.and_then(|settings| Some((settings, settings.proxy_url.as_ref()?)))
        else {
            return self.via.clone();
        };
        proxy(Kind::InstanceSettings, settings.id, stored, open).unwrap_or_else(|problem| {
            let name = settings.instance_name.clone();
            problems.push(RoutingError::BadSettings { what: "settings", name, problem });
            Via::Unknown
        })
    }
}

/// What a stored `proxy_url` says, or what is wrong with it.
fn proxy(kind: Kind, id: i64, stored: &Stored, open: Open<'_>) -> Result<Via, String> {
    let held = HeldSecret { kind, id, field: "proxy_url", stored: stored.clone() };
    let opened = open(&held).map_err(|error| format!("proxy_url: {error}"))?;
    Ok(ProxyUrl::parse(&opened).map_err(|error| format!("proxy_url: {error}"))?.into())
}

/// Takes out what a record stands for; true if there was anything.
fn hides<T>(specs: &mut Vec<T>, is_it: impl Fn(&T) -> bool) -> bool {
    let before = specs.len();
    specs.retain(|spec| !is_it(spec));
    specs.len() < before
}

fn provider_spec(
    provider: &Provider,
    belongings: &Belongings<'_>,
    open: Open<'_>,
    problems: &mut Vec<RoutingError>,
) -> Result<ProviderSpec, RoutingError> {
    let name = &provider.name;
    let bad = |problem| RoutingError::BadSettings { what: "provider", name: name.clone(), problem };
    // one that cannot be read is not gone around: whoever set it does not want the provider to be called directly
    let via = provider.proxy_url.as_ref().map(|stored| proxy(Kind::Provider, provider.id.0, stored, open));
    let via = via.transpose().map_err(bad)?;
    let settings = if provider.settings.is_null() {
        ProviderSettings::default()
    } else {
        read::<ProviderSettings>(&provider.settings).map_err(|problem| bad(format!("settings: {problem}")))?
    };
    let mut credentials = Vec::new();
    for credential in &belongings.credentials {
        match credential_spec(name, credential, open) {
            Ok(spec) => credentials.push(spec),
            Err(problem) => problems.push(problem),
        }
    }
    let (mut models, mut disabled_models) = (Vec::new(), BTreeSet::new());
    for model in &belongings.models {
        match model_spec(name, model) {
            _ if !model.enabled => drop(disabled_models.insert(model.model_id.clone())),
            Ok(spec) => models.push(spec),
            Err(problem) => problems.push(problem),
        }
    }
    Ok(ProviderSpec {
        name: name.clone(),
        channel: provider.channel.clone(),
        base_url: settings.base_url,
        via,
        headers: settings.headers,
        credentials,
        credential_strategy: Some(provider.credential_strategy),
        models,
        disabled_models,
        timeouts: settings.timeouts.into(),
        breaker: settings.circuit_breaker,
    })
}

fn credential_spec(
    provider: &str,
    credential: &Credential,
    open: Open<'_>,
) -> Result<CredentialSpec, RoutingError> {
    let held = HeldSecret {
        kind: Kind::Credential,
        id: credential.id.0,
        field: "secret",
        stored: credential.secret.clone(),
    };
    let secret = open(&held).map_err(|error| RoutingError::SealedCredential {
        provider: provider.to_owned(),
        credential: credential.name.clone(),
        problem: error.to_string(),
    })?;
    Ok(CredentialSpec {
        name: credential.name.clone(),
        secret,
        weight: credential.weight,
        limits: Limits { requests: credential.rpm_limit, tokens: credential.tpm_limit },
        record: Some((credential.id, credential.updated_at)),
    })
}

fn model_spec(provider: &str, model: &ProviderModel) -> Result<ModelSpec, RoutingError> {
    let price = model.pricing.as_ref().filter(|pricing| !pricing.is_null()).map(price).transpose();
    let price = price.map_err(|problem| RoutingError::BadSettings {
        what: "model",
        name: format!("{provider}/{}", model.model_id),
        problem: format!("pricing: {problem}"),
    })?;
    let (context, max_output) = (model.context_window, model.max_output_tokens);
    Ok(ModelSpec { id: model.model_id.clone(), price, context, max_output })
}

fn route_spec(route: &Route, records: &Records) -> Result<RouteSpec, RoutingError> {
    let settings = route.settings.as_ref().filter(|settings| !settings.is_null());
    let settings = settings.map_or_else(|| Ok(RouteSettings::default()), read::<RouteSettings>);
    let settings = settings.map_err(|problem| RoutingError::BadSettings {
        what: "route",
        name: route.name.clone(),
        problem: format!("settings: {problem}"),
    })?;
    let member = |member: &RouteMember| {
        let provider = records.providers.get(member.provider_id.0)?;
        Some(MemberSpec {
            provider: provider.name.clone(),
            model: member.upstream_model_id.clone(),
            tier: member.tier,
            weight: member.weight,
        })
    };
    let members = records.members.iter().filter(|member| member.route_id == route.id && member.enabled);
    Ok(RouteSpec {
        name: route.name.clone(),
        strategy: route.strategy,
        members: members.filter_map(member).collect(),
        timeouts: settings.timeouts.into(),
        on_loss: settings.on_loss.into(),
    })
}

fn aliases(records: &Records) -> Vec<AliasSpec> {
    let mut aliases: Vec<_> = records.aliases.iter().filter(|alias| alias.enabled).collect();
    aliases.sort_by_key(|alias| (alias.sort_order, alias.id));
    let spec = |alias: &penstock_control::Alias| AliasSpec {
        provider: (alias.provider != EVERY_PROVIDER).then(|| alias.provider.clone()),
        alias: alias.alias.clone(),
        target: alias.target.clone(),
    };
    aliases.into_iter().map(spec).collect()
}

#[cfg(test)]
mod tests;
