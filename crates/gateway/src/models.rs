//! The models that a caller may ask for.

use std::collections::BTreeMap;

use penstock_providers::Catalogue;

use crate::routing::Routing;
use crate::{Caller, GatewayError};

/// One model of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
    /// What to ask for.
    pub id: String,
    /// Who serves it; a route has no single one.
    pub provider: Option<String>,
    /// Tokens that fit into it, if known.
    pub context: Option<u64>,
    /// Tokens it may answer with, if known.
    pub max_output: Option<u64>,
}

/// Models by id.
pub type ListedModels = BTreeMap<String, ListedModel>;

/// Routes and the models of the providers that the caller could use; of one provider, under its own
/// names, where the path names it.
pub(crate) fn list(
    routing: &Routing,
    catalogue: &Catalogue,
    caller: &Caller,
    scope: Option<&str>,
) -> Result<ListedModels, GatewayError> {
    let allowed = |name: &str| match caller {
        Caller::User(principal) => principal.may_use(name),
        Caller::Open | Caller::OwnKey(_) => true,
    };
    let own_key = matches!(caller, Caller::OwnKey(_));
    if let Some(scope) = scope
        && routing.provider(scope).is_none()
    {
        let message = format!("no provider {scope:?}");
        return Err(GatewayError::NotFound { message, code: "provider_not_found" });
    }
    let mut listed = ListedModels::new();
    for provider in routing.providers() {
        let wanted = match scope {
            Some(scope) => *provider.name == *scope,
            None => provider.configured,
        };
        let wanted = wanted && !(own_key && provider.takes_no_key());
        for model in provider.listed(catalogue).into_iter().filter(|_| wanted) {
            let full = format!("{}/{model}", provider.name);
            let id = match scope {
                Some(_) if allowed(&full) => model.to_owned(),
                None if allowed(&full) => full,
                None if allowed(model) => model.to_owned(),
                _ => continue,
            };
            let (context, max_output) =
                (provider.context(model, catalogue), provider.max_output(model, catalogue));
            let provider = Some(provider.name.to_string());
            listed.insert(id.clone(), ListedModel { id, provider, context, max_output });
        }
    }
    for route in routing.routes().filter(|route| scope.is_none() && allowed(&route.name)) {
        let id = route.name.to_string();
        listed.insert(id.clone(), ListedModel { id, provider: None, context: None, max_output: None });
    }
    Ok(listed)
}
