//! What hooks are given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use penstock_core::{RequestId, Timestamp, Usage, Usd};
use penstock_storage::StorageAdapter;

use crate::{Kept, Metadata, Request, Response};

/// What `pre` is given.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The request; edits hold for everything behind.
    pub request: Request,
    /// What modules tell each other.
    pub metadata: Metadata,
    /// What the module keeps for its later hooks of this request.
    pub kept: Kept,
    /// The module's storage.
    pub storage: StorageAdapter,
    /// What does not change.
    pub call: Arc<Call>,
}

/// What `stream` and `post` are given.
#[derive(Clone, Debug)]
pub struct ResponseContext {
    /// The request, as the provider was asked.
    pub request: Request,
    /// What modules tell each other.
    pub metadata: Metadata,
    /// What the module keeps for its later hooks of this request.
    pub kept: Kept,
    /// The module's storage.
    pub storage: StorageAdapter,
    /// What does not change.
    pub call: Arc<Call>,
    /// The answer: as far as it has come in `stream`, all there is of it in `post`.
    pub response: Response,
    /// Since the request arrived.
    pub duration: Duration,
}

/// What does not change while a request is answered.
#[derive(Debug)]
pub struct Call {
    /// The gateway's id of it.
    pub id: RequestId,
    /// When it arrived.
    pub at: Timestamp,
    /// Who asks.
    pub key: ApiKeyInfo,
    /// Whose caches and counters it may touch.
    pub tenant: Tenant,
    /// Who would answer, and for how much.
    pub upstreams: Arc<dyn Upstreams>,
}

/// Who asks, as modules see it. Ids are texts here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyInfo {
    /// The key; `local` for a call without one.
    pub id: String,
    /// Its user; `local-user` for a call without a key.
    pub user_id: String,
    /// `local`, unless the key's record says otherwise.
    pub tier: String,
    /// The key's own pipeline.
    pub pipeline_config: Option<String>,
    /// Whether it is revoked; such a key does not come this far.
    pub revoked: bool,
    /// The caller's own key of a provider. Never logged: its `Debug` hides it.
    pub provider_key: Option<penstock_core::Secret<String>>,
}

/// Whose data it is. Two tenants never see each other's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of that name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a gateway knows of who would answer a model, for the caller at hand.
pub trait Upstreams: fmt::Debug + Send + Sync {
    /// All that could answer `model`, as one name: answers of another are another's. `None` if nobody could.
    fn identity(&self, model: &str) -> Option<Arc<str>>;

    /// The most that `usage` of `model` can cost, at list price; `None` where a price is not known.
    fn cost(&self, model: &str, usage: &Usage) -> Option<Usd>;

    /// The most tokens that `model` puts out, where that is known.
    fn max_output(&self, model: &str) -> Option<u64>;
}
