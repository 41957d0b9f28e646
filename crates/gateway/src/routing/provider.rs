//! A provider, ready to be called.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use penstock_core::{Dialect, Operation, Timestamp};
use penstock_providers::{AuthScheme, Catalogue, Price, ProviderRow};

use crate::Timeouts;
use crate::meters::ProviderMeters;

/// One secret of a provider, ready to be sent.
#[derive(Debug)]
pub struct Credential {
    /// Its name, for usage rows and logs.
    pub name: Arc<str>,
    /// The header it travels in; none where the provider takes no key.
    pub header: Option<(HeaderName, HeaderValue)>,
    pub(super) cooling_until: AtomicI64,
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
    pub(crate) meters: ProviderMeters,
    pub(super) models: Vec<(String, Option<Price>)>,
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
