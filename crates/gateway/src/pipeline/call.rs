//! Who asks, in the words of modules.

use std::sync::Arc;

use penstock_pipeline::{ApiKeyInfo, Call, Tenant};

use super::upstreams::Candidates;
use crate::Caller;
use crate::exchange::Exchange;
use crate::execute::Shared;

/// The tier of a call that has no record to say so.
const LOCAL: &str = "local";

/// What does not change while `exchange` is answered.
pub(super) fn call(shared: &Arc<Shared>, exchange: &Exchange) -> Call {
    let request = &exchange.request;
    Call {
        id: request.id,
        at: request.at,
        key: key(&request.caller),
        tenant: tenant(&request.caller),
        upstreams: Arc::new(Candidates::new(shared, exchange)),
    }
}

fn key(caller: &Caller) -> ApiKeyInfo {
    let of = |id: String, user_id: String| ApiKeyInfo {
        id,
        user_id,
        tier: LOCAL.to_owned(),
        pipeline_config: None,
        revoked: false,
        provider_key: None,
    };
    match caller {
        Caller::Open => of(LOCAL.to_owned(), "local-user".to_owned()),
        Caller::User(principal) => ApiKeyInfo {
            tier: principal.tier().to_owned(),
            pipeline_config: principal.pipeline().map(str::to_owned),
            ..of(principal.key_id.to_string(), principal.user_id.to_string())
        },
        Caller::OwnKey(own) => ApiKeyInfo {
            provider_key: Some(own.key.secret.clone()),
            ..of(own.tenant.to_string(), own.tenant.to_string())
        },
    }
}

/// Callers of one tenant may see each other's cached answers: a user's keys, and nobody else's.
fn tenant(caller: &Caller) -> Tenant {
    match caller {
        Caller::Open => Tenant::new(LOCAL),
        Caller::User(principal) => Tenant::new(format!("user:{}", principal.user_id)),
        Caller::OwnKey(own) => Tenant::new(Arc::clone(&own.tenant)),
    }
}
