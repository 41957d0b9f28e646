//! From the requested name to the providers that may answer, in the order in which they are tried.

use std::sync::Arc;

use penstock_core::Timestamp;
use penstock_dialects::patch::json_string;
use penstock_providers::{Catalogue, ProviderTable};

use crate::exchange::Exchange;
use crate::routing::{Credential, Provider, Routing};
use crate::{Caller, GatewayError, OnLoss, TimeoutOverrides};

/// How many near matches a 404 names.
const NEAR: usize = 3;
/// How alike two names must be to be called near (Jaro-Winkler, 0 to 1).
const NEARNESS: f64 = 0.8;

/// One way to answer a request.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The credential; `None` where the caller's own key is used.
    pub credential: Option<Arc<Credential>>,
    /// The provider's name of the model.
    pub model: Arc<str>,
}

/// What a requested name stands for.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Providers and models, in order.
    pub members: Vec<(Arc<Provider>, Arc<str>)>,
    /// Timeouts of the route, if it is one.
    pub timeouts: TimeoutOverrides,
    /// What to do about a request that cannot be carried whole.
    pub on_loss: OnLoss,
    /// The name that permissions speak of: that of the route, or `provider/model`.
    pub full_name: String,
}

/// Finds what the requested name stands for.
pub fn resolve(
    exchange: &Exchange,
    routing: &Routing,
    catalogue: &Catalogue,
) -> Result<Resolution, GatewayError> {
    let direct = |provider: &Arc<Provider>, model: &str| Resolution {
        members: vec![(Arc::clone(provider), model.into())],
        timeouts: TimeoutOverrides::default(),
        on_loss: OnLoss::default(),
        full_name: format!("{}/{model}", provider.name),
    };
    let requested = exchange.requested.as_str();
    if let Some(name) = &exchange.request.provider {
        let provider = routing.provider(name).ok_or_else(|| unknown_provider(name, routing))?;
        return Ok(direct(provider, requested));
    }
    let name = routing.unaliased(requested);
    if let Some(route) = routing.route(&name) {
        return Ok(Resolution {
            members: route.members.clone(),
            timeouts: route.timeouts,
            on_loss: route.on_loss,
            full_name: route.name.to_string(),
        });
    }
    if let Some((provider, model)) = name.split_once('/')
        && let Some(provider) = routing.provider(provider)
        && !model.is_empty()
    {
        return Ok(direct(provider, model));
    }
    let speaks = |provider: &&Arc<Provider>| {
        provider.row.endpoint(exchange.request.operation, exchange.request.dialect).is_some()
    };
    let serving: Vec<_> =
        routing.providers().iter().filter(|provider| provider.serves(&name, catalogue)).collect();
    // configured providers stand first; among equals the one that needs no translation
    let configured: Vec<_> = serving.iter().copied().filter(|provider| provider.configured).collect();
    let serving = if configured.is_empty() { serving } else { configured };
    match serving.iter().copied().find(speaks).or(serving.first().copied()) {
        Some(provider) => Ok(direct(provider, &name)),
        None => Err(unknown_model(exchange, routing, catalogue)),
    }
}

/// The candidates of a resolution: each member with each of its credentials, those that are being left
/// alone last. A caller's own key goes to the first member only, and to nobody else.
pub fn candidates(
    resolution: &Resolution,
    caller: &Caller,
    table: &ProviderTable,
    now: Timestamp,
) -> Result<Vec<Candidate>, GatewayError> {
    let candidate =
        |(provider, model): &(Arc<Provider>, Arc<str>), credential: Option<&Arc<Credential>>| Candidate {
            provider: Arc::clone(provider),
            credential: credential.cloned(),
            model: Arc::clone(model),
        };
    if let (Caller::OwnKey(own), Some(first)) = (caller, resolution.members.first()) {
        if first.0.takes_no_key() {
            return Err(GatewayError::Unauthenticated(format!(
                "provider {:?} takes no keys, so an own key does not open it: use a key of this gateway",
                &*first.0.name
            )));
        }
        let owner = table.owner_of_key(own.key.secret.expose());
        if let Some(owner) = owner.filter(|owner| owner.name != first.0.row.name) {
            return Err(GatewayError::Unauthenticated(format!(
                "the key that was sent looks like one of {}, but this model is served by {:?}: \
                 it was not forwarded",
                owner.label, &*first.0.name
            )));
        }
        return Ok(vec![candidate(first, None)]);
    }
    let (mut ready, mut cooling) = (Vec::new(), Vec::new());
    for member in &resolution.members {
        for credential in &member.0.credentials {
            let list = if credential.is_cooling(now) { &mut cooling } else { &mut ready };
            list.push(candidate(member, Some(credential)));
        }
    }
    ready.append(&mut cooling);
    match resolution.members.first() {
        Some((provider, _)) if ready.is_empty() => Err(no_credential(provider, caller)),
        _ => Ok(ready),
    }
}

fn no_credential(provider: &Provider, caller: &Caller) -> GatewayError {
    let name = &*provider.name;
    if let Caller::User(_) = caller {
        // the caller's key is fine: it is the operator who has something to do
        let message =
            format!("the gateway has no credential for provider {name:?}: its operator has to add one");
        return GatewayError::Upstream(message);
    }
    let variable = provider.row.env_key.first().filter(|_| *provider.row.name == *name);
    let variable =
        variable.map_or_else(|| "a credential for it".to_owned(), |variable| format!("{variable} set"));
    GatewayError::Unauthenticated(format!(
        "there is no credential for provider {name:?}: start Penstock with {variable}, or send your own key"
    ))
}

fn unknown_provider(name: &str, routing: &Routing) -> GatewayError {
    let known: Vec<_> = routing.providers().iter().map(|provider| &*provider.name).collect();
    if name == "v1" {
        let message =
            "the path begins with /v1/v1: the client adds /v1 by itself, leave it out of its base URL";
        return GatewayError::NotFound { message: message.to_owned(), code: "path_not_found" };
    }
    GatewayError::NotFound {
        message: format!("no provider {name:?}{}", near(name, known.into_iter())),
        code: "provider_not_found",
    }
}

fn unknown_model(exchange: &Exchange, routing: &Routing, catalogue: &Catalogue) -> GatewayError {
    let requested = exchange.requested.as_str();
    // what the caller may not use is none of its business
    let allowed = |name: &str| match &exchange.request.caller {
        Caller::User(principal) => principal.may_use(name),
        Caller::Open | Caller::OwnKey(_) => true,
    };
    let routes = routing.routes().map(|route| route.name.to_string()).filter(|name| allowed(name));
    let configured = routing.providers().iter().filter(|provider| provider.configured);
    let models = configured.flat_map(|provider| {
        let full = |model: &str| format!("{}/{model}", provider.name);
        let listed = provider.listed(catalogue).into_iter().filter(|model| allowed(&full(model)));
        let named = listed.map(|model| if requested.contains('/') { full(model) } else { model.to_owned() });
        named.collect::<Vec<_>>()
    });
    let known: Vec<_> = routes.chain(models).collect();
    let near = near(requested, known.iter().map(String::as_str));
    let hint = if near.is_empty() { ": see GET /v1/models, or name it as \"provider/model\"" } else { "" };
    let shown = String::from_utf8_lossy(&json_string(requested)).into_owned();
    GatewayError::NotFound { message: format!("no model {shown}{near}{hint}"), code: "model_not_found" }
}

/// `: did you mean "a" or "b"?`, or nothing.
fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut scored: Vec<_> = known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(score, _)| *score >= NEARNESS)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by_key(|(_, known)| *known);
    scored.truncate(NEAR);
    if scored.is_empty() {
        return String::new();
    }
    let names: Vec<_> = scored.iter().map(|(_, known)| format!("{known:?}")).collect();
    format!(": did you mean {}?", names.join(" or "))
}

#[cfg(test)]
mod tests;
