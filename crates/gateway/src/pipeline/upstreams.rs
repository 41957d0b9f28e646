//! Who would answer a model, and for how much, as the routing has it.

use std::fmt;
use std::sync::Arc;

use penstock_core::{Dialect, Operation, Usage, Usd};
use penstock_pipeline::Upstreams;

use crate::Caller;
use crate::exchange::{Asked, Exchange};
use crate::execute::Shared;
use crate::resolve::{Resolution, resolve};
use crate::routing::{Member, Routing};

/// The members that could answer the caller of one request.
pub(super) struct Candidates {
    shared: Arc<Shared>,
    routing: Arc<Routing>,
    provider: Option<String>,
    dialect: Dialect,
    operation: Operation,
    caller: Caller,
}

impl fmt::Debug for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidates").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Candidates {
    pub(super) fn new(shared: &Arc<Shared>, exchange: &Exchange) -> Self {
        let request = &exchange.request;
        Self {
            shared: Arc::clone(shared),
            routing: Arc::clone(&shared.routing.current()),
            provider: request.provider.clone(),
            dialect: request.dialect,
            operation: request.operation,
            caller: request.caller.clone(),
        }
    }

    fn resolution(&self, model: &str) -> Option<Resolution> {
        let provider = self.provider.as_deref();
        let Self { dialect, operation, ref caller, .. } = *self;
        let asked = Asked { model, provider, dialect, operation, caller };
        resolve(asked, &self.routing, &self.shared.settling.catalogue).ok()
    }

    /// The most of what each member says; nothing, if one of them does not know.
    fn most<T: Ord>(&self, model: &str, of: impl Fn(&Member) -> Option<T>) -> Option<T> {
        let resolution = self.resolution(model)?;
        let each = resolution.members.iter().map(of).collect::<Option<Vec<_>>>()?;
        each.into_iter().max()
    }
}

impl Upstreams for Candidates {
    fn identity(&self, model: &str) -> Option<Arc<str>> {
        let resolution = self.resolution(model)?;
        let members = resolution.members.iter();
        let names: Vec<_> =
            members.map(|member| format!("{}/{}", member.provider.name, member.model)).collect();
        Some(names.join(",").into())
    }

    fn cost(&self, model: &str, usage: &Usage) -> Option<Usd> {
        let catalogue = &self.shared.settling.catalogue;
        self.most(model, |member| Some(member.provider.price(&member.model, catalogue)?.cost(usage)))
    }

    fn max_output(&self, model: &str) -> Option<u64> {
        let catalogue = &self.shared.settling.catalogue;
        self.most(model, |member| member.provider.max_output(&member.model, catalogue))
    }
}
