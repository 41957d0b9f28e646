//! How a candidate can answer: with the client's own bytes, or through a translation.

use penstock_core::{Dialect, Operation};
use penstock_dialects::codec::codec;
use penstock_providers::StreamUsage;

use crate::choose::Candidate;
use crate::exchange::Exchange;

/// What to do for one candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The bytes go out as they came, but for declared envelope patches.
    Passthrough {
        /// Usage has to be asked for in the stream, and what that adds taken out again.
        ask_for_usage: bool,
    },
    /// The request is decoded and encoded again. If `to` is the client's own dialect, something in the
    /// request must not go to this provider, and the answer passes as it is.
    Translate {
        /// The dialect the provider is asked in.
        to: Dialect,
    },
}

/// Plans for `candidate`; `None` if the provider cannot do this, not even by translation.
pub fn plan(exchange: &Exchange, candidate: &Candidate) -> Option<Plan> {
    let request = &exchange.request;
    let row = &candidate.provider.row;
    let native = row.endpoint(request.operation, request.dialect).is_some();
    let own = (request.operation == Operation::Generate).then_some(request.dialect);
    let translates =
        |dialect: &Dialect| own.is_some_and(|own| codec(own).is_some() && codec(*dialect).is_some());
    if native && translates(&request.dialect) && (exchange.envelope.may_hold_carrier || exchange.is_edited())
    {
        return Some(Plan::Translate { to: request.dialect });
    }
    if native && !exchange.is_edited() {
        let ask_for_usage = own == Some(Dialect::OpenaiChat) && row.stream_usage == StreamUsage::Ask;
        return Some(Plan::Passthrough { ask_for_usage });
    }
    row.dialects(request.operation).find(translates).map(|to| Plan::Translate { to })
}

/// The sentence for a client whose candidates could only answer in another dialect.
pub fn unsupported(exchange: &Exchange, candidates: &[Candidate]) -> String {
    let request = &exchange.request;
    let Some(candidate) = candidates.first() else {
        return "nobody serves this model".to_owned();
    };
    let row = &candidate.provider.row;
    let spoken: Vec<_> = row.dialects(request.operation).map(Dialect::as_str).collect();
    if spoken.is_empty() {
        return format!(
            "provider {:?} does not support the operation {}",
            &*candidate.provider.name, request.operation
        );
    }
    format!(
        "model {:?} is served by provider {:?}, which speaks {} and not {}: call it in that dialect, this \
         version does not translate between the two",
        exchange.requested,
        &*candidate.provider.name,
        spoken.join(" and "),
        request.dialect
    )
}

#[cfg(test)]
mod tests;
