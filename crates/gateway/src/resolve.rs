//! From the requested name to the providers that may answer.

use std::sync::Arc;

use penstock_dialects::patch::json_string;
use penstock_providers::Catalogue;

use crate::exchange::Asked;
use crate::routing::{Member, Provider, Route, Routing};
use crate::{Caller, GatewayError, OnLoss, TimeoutOverrides};

/// How many near matches a 404 names.
const NEAR: usize = 3;
/// How alike two names must be to be called near (Jaro-Winkler, 0 to 1).
const NEARNESS: f64 = 0.8;

/// What a requested name stands for.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Providers and models, by tier.
    pub members: Arc<[Member]>,
    /// The route, if it is one.
    pub route: Option<Arc<Route>>,
    /// Timeouts of the route, if it is one.
    pub timeouts: TimeoutOverrides,
    /// What to do about a request that cannot be carried whole.
    pub on_loss: OnLoss,
    /// The name that permissions speak of: that of the route, or `provider/model`.
    pub full_name: String,
}

impl Resolution {
    fn of_route(route: &Arc<Route>) -> Self {
        Self {
            members: Arc::clone(&route.members),
            timeouts: route.timeouts,
            on_loss: route.on_loss,
            full_name: route.name.to_string(),
            route: Some(Arc::clone(route)),
        }
    }

    /// A model of a provider, by the name that the provider's aliases give it.
    fn direct(provider: &Arc<Provider>, requested: &str) -> Result<Self, GatewayError> {
        let model = provider.unaliased(requested);
        if provider.is_disabled(&model) {
            let message = format!("the model {model:?} of provider {:?} is disabled", &*provider.name);
            return Err(GatewayError::NotFound { message, code: "model_not_found" });
        }
        let full_name = format!("{}/{model}", provider.name);
        let model = Arc::from(&*model);
        let member = Member { provider: Arc::clone(provider), model, tier: 0, weight: 1, latency: None };
        let members = Arc::new([member]);
        let (timeouts, on_loss) = Default::default();
        Ok(Self { members, route: None, timeouts, on_loss, full_name })
    }
}

/// Finds what the requested name stands for.
///
/// Aliases come first, before a route of the requested name: the first that matches. Where its target names
/// nothing, the other aliases are asked about that, and so on.
pub fn resolve(
    asked: Asked<'_>,
    routing: &Routing,
    catalogue: &Catalogue,
) -> Result<Resolution, GatewayError> {
    let requested = asked.model;
    if let Some(name) = asked.provider {
        let provider = routing.provider(name).ok_or_else(|| unknown_provider(name, routing))?;
        return Resolution::direct(provider, requested);
    }
    let mut aliased = routing.aliased(requested).peekable();
    let found = if aliased.peek().is_none() {
        named(requested, asked, routing, catalogue)
    } else {
        aliased.find_map(|name| named(&name, asked, routing, catalogue))
    };
    found.unwrap_or_else(|| Err(unknown_model(asked, routing, catalogue)))
}

/// What a name without aliases stands for; `None` if it is nothing.
fn named(
    name: &str,
    asked: Asked<'_>,
    routing: &Routing,
    catalogue: &Catalogue,
) -> Option<Result<Resolution, GatewayError>> {
    if let Some(route) = routing.route(name) {
        return Some(Ok(Resolution::of_route(route)));
    }
    if let Some((provider, model)) = name.split_once('/')
        && let Some(provider) = routing.provider(provider)
        && !model.is_empty()
    {
        return Some(Resolution::direct(provider, model));
    }
    let speaks = |provider: &&Arc<Provider>| provider.row.endpoint(asked.operation, asked.dialect).is_some();
    let serves = |provider: &&Arc<Provider>| provider.serves(&provider.unaliased(name), catalogue);
    // configured providers stand first, so that the others are not even asked; among equals the one that needs no
    // translation
    let among = |configured: bool| {
        let providers = routing.providers().iter().filter(move |provider| provider.configured == configured);
        let mut serving = providers.filter(serves).peekable();
        let first = serving.peek().copied();
        serving.find(speaks).or(first)
    };
    let provider = among(true).or_else(|| among(false))?;
    Some(Resolution::direct(provider, name))
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

fn unknown_model(asked: Asked<'_>, routing: &Routing, catalogue: &Catalogue) -> GatewayError {
    let requested = asked.model;
    // what the caller may not use is none of its business
    let allowed = |name: &str| match asked.caller {
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
pub(crate) mod tests;
