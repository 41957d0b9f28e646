//! What a client is told whose request is not let through.

use penstock_core::canonical::CanonicalResponse;
use penstock_core::{Timestamp, Usd};
use serde_json::{Map, Value};

use super::NAME;
use super::period::Period;
use crate::error_response;

const TOO_MANY_REQUESTS: u16 = 429;
const UNAVAILABLE: u16 = 503;

/// The request alone is too dear.
pub(super) fn too_dear(estimated: Usd, cap: Usd) -> CanonicalResponse {
    let message = format!("this request may cost {estimated} USD: one request may cost {cap} USD");
    let more = fields([("limit_usd", cap), ("estimated_usd", estimated)]);
    error_response("cost_limit_per_request", &message, TOO_MANY_REQUESTS, more)
}

/// What is left of a period does not suffice.
pub(super) fn spent(period: Period, at: Timestamp, (worst, cap, left): (Usd, Usd, Usd)) -> CanonicalResponse {
    let resets_at = period.resets_at(at);
    let message = format!(
        "this request may cost up to {worst} USD: {left} USD are left of the {cap} USD for this {period}, which ends at \
         {resets_at}"
    );
    let mut more = fields([("limit_usd", cap), ("remaining_usd", left), ("needed_usd", worst)]);
    more.insert("resets_at".to_owned(), resets_at.into());
    error_response(&format!("cost_limit_per_{period}"), &message, TOO_MANY_REQUESTS, more)
}

/// Nobody can tell what has been spent.
pub(super) fn unchecked() -> CanonicalResponse {
    let message =
        format!("module {NAME:?} cannot check this request's budget at the moment: try again later");
    error_response("module_unavailable", &message, UNAVAILABLE, Map::new())
}

fn fields<const N: usize>(amounts: [(&str, Usd); N]) -> Map<String, Value> {
    amounts.into_iter().map(|(name, amount)| (name.to_owned(), amount.to_string().into())).collect()
}
