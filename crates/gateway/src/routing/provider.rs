//! A provider, ready to be called.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use penstock_core::{CredentialStrategy, Dialect, Operation, ProxyUrl};
use penstock_providers::{AuthScheme, Catalogue, Price, ProviderRow};

use super::{Aliases, ModelSpec};
use crate::Timeouts;
use crate::health::{BreakerSettings, CredentialHealth, Limits};
use crate::meters::ProviderMeters;

/// One secret of a provider, ready to be sent.
#[derive(Debug)]
pub struct Credential {
    /// Its name, for usage rows and logs.
    pub name: Arc<str>,
    /// The header it travels in; none where the provider takes no key.
    pub header: Option<(HeaderName, HeaderValue)>,
    /// Its share where credentials are chosen by weight.
    pub weight: u64,
    /// What its provider takes with it.
    pub limits: Limits,
    /// How it fares; the same from one configuration to the next.
    pub health: Arc<CredentialHealth>,
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
    /// The proxy through which it is called, if any.
    pub proxy: Option<Arc<ProxyUrl>>,
    /// Its credentials.
    pub credentials: Vec<Arc<Credential>>,
    /// Which of them is taken; `None`: in their order.
    pub credential_strategy: Option<CredentialStrategy>,
    /// Whether somebody set it up, rather than it being there for callers with their own keys.
    pub configured: bool,
    /// Its timeouts.
    pub timeouts: Timeouts,
    /// When its credentials are left alone after failures.
    pub breaker: BreakerSettings,
    /// Headers it wants when the client sends none.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers that go along in place of the client's.
    pub own_headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) meters: ProviderMeters,
    /// Whose turn it is among its credentials.
    pub(crate) turn: Arc<AtomicUsize>,
    pub(super) models: Vec<ModelSpec>,
    pub(super) disabled_models: BTreeSet<String>,
    pub(super) aliases: Aliases,
    pub(super) endpoints: HashMap<(Operation, Dialect), Uri>,
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

    /// Its own name of a model that is asked for here.
    pub fn unaliased<'a>(&self, requested: &'a str) -> std::borrow::Cow<'a, str> {
        self.aliases.rewrite(requested)
    }

    /// The price of `model` in force here.
    pub fn price<'a>(&'a self, model: &str, catalogue: &'a Catalogue) -> Option<&'a Price> {
        let own = self.model(model).and_then(|model| model.price.as_ref());
        own.or_else(|| catalogue.get(&self.row.name, model).map(|model| &model.price))
    }

    /// Tokens that fit into `model`, as far as somebody said.
    pub fn context(&self, model: &str, catalogue: &Catalogue) -> Option<u64> {
        let own = self.model(model).and_then(|model| model.context);
        own.or_else(|| catalogue.get(&self.row.name, model)?.context)
    }

    /// Tokens that `model` answers at most, as far as somebody said.
    pub fn max_output(&self, model: &str, catalogue: &Catalogue) -> Option<u64> {
        let own = self.model(model).and_then(|model| model.max_output);
        own.or_else(|| catalogue.get(&self.row.name, model)?.max_output)
    }

    /// Whether `model` is not to be used here.
    pub fn is_disabled(&self, model: &str) -> bool {
        self.disabled_models.contains(model)
    }

    /// The models it lists: those configured, else those of the catalogue.
    pub fn listed<'a>(&'a self, catalogue: &'a Catalogue) -> Vec<&'a str> {
        if self.models.is_empty() {
            let known = catalogue.models(&self.row.name).map(|model| model.id.as_str());
            return known.filter(|model| !self.is_disabled(model)).collect();
        }
        self.models.iter().map(|model| model.id.as_str()).collect()
    }

    /// Whether it is known to serve `model`.
    pub fn serves(&self, model: &str, catalogue: &Catalogue) -> bool {
        if self.is_disabled(model) {
            return false;
        }
        if self.models.is_empty() {
            return self.row.serves(model) || catalogue.get(&self.row.name, model).is_some();
        }
        self.model(model).is_some()
    }

    fn model(&self, id: &str) -> Option<&ModelSpec> {
        self.models.iter().find(|model| model.id == id)
    }
}
