//! What is noted before a provider is called: the journal's begin record.
//!
//! Quotas will reserve the worst-case cost here, before the record. No quota can be configured yet,
//! so nothing is reserved and no request is refused for money.

use std::sync::Arc;

use penstock_control::Settlement;
use penstock_control::journal::JournalError;
use penstock_core::{Ended, Operation, Usage, UsageSource};

use crate::choose::Candidate;
use crate::exchange::Exchange;
use crate::settle::{SettleGuard, Settling};
use crate::{Caller, GatewayError};

/// Notes that the request is about to reach a provider. From here on it is settled, whatever happens.
pub fn reserve(
    exchange: &Exchange,
    candidate: &Candidate,
    settling: &Arc<Settling>,
) -> Result<SettleGuard, GatewayError> {
    let draft = draft(exchange, candidate);
    let draft = settling.priced(draft, &candidate.provider);
    let ticket = settling.journal.begin(&draft).map_err(|error| {
        let message = match error {
            JournalError::Full => error.to_string(),
            JournalError::TooLarge(_) | JournalError::Io(_) => {
                tracing::error!(%error, "a request was refused since it could not be metered");
                "the gateway cannot note down this request: its disk refuses".to_owned()
            }
        };
        GatewayError::Overloaded(message)
    })?;
    Ok(SettleGuard::new(Arc::clone(settling), ticket, draft, exchange, candidate))
}

/// The row as it would be if nothing more were ever heard of the request.
fn draft(exchange: &Exchange, candidate: &Candidate) -> Settlement {
    let request = &exchange.request;
    let (user, tenant) = match &request.caller {
        Caller::Open => (None, None),
        Caller::User(principal) => (Some(principal), None),
        Caller::OwnKey(own) => (None, Some(Arc::clone(&own.tenant))),
    };
    let counted = request.operation != Operation::CountTokens;
    let input = if counted { exchange.envelope.estimated_input } else { 0 };
    Settlement {
        request_id: request.id,
        at: request.at,
        route: exchange.requested.as_str().into(),
        provider: Arc::clone(&candidate.provider.name),
        credential: candidate.credential.as_ref().map(|credential| Arc::clone(&credential.name)),
        org_id: user.map(|user| user.org_id),
        team_id: user.and_then(|user| user.team_id),
        user_id: user.map(|user| user.user_id),
        key_id: user.map(|user| user.key_id),
        tenant,
        operation: request.operation,
        dialect: request.dialect,
        model: Arc::clone(&candidate.model),
        usage: Usage { input, ..Usage::default() },
        raw_usage: None,
        cost: None,
        price_version: None,
        latency_ms: 0,
        ttft_ms: None,
        source: UsageSource::Estimated,
        ended: Ended::Interrupted,
    }
}
