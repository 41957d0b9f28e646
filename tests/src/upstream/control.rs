//! The upstream's own paths, outside every dialect: reading and resetting the ledger.

use http::request::Parts;
use http::{Method, StatusCode};

use super::answer::plain_answer;
use super::render::{Answer, Part};
use super::state::Shared;

/// The answer to a request for the ledger; none for all other requests.
pub(super) fn answer(shared: &Shared, parts: &Parts) -> Option<Answer> {
    let json = "application/json";
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/_ledger") => {
            let tag = parts.uri.query().and_then(|query| query.strip_prefix("tag="));
            let entries = tag.map_or_else(|| shared.ledger.entries(), |tag| shared.ledger.tagged(tag));
            let lines: Vec<_> = entries.iter().map(|entry| entry.to_json().to_string() + "\n").collect();
            Some(plain_answer(StatusCode::OK, "application/x-ndjson", Part::new(lines.concat())))
        }
        (&Method::GET, "/_ledger/totals") => {
            let totals = serde_json::to_string(&shared.ledger.totals()).unwrap_or_default();
            Some(plain_answer(StatusCode::OK, json, Part::new(totals)))
        }
        (&Method::POST, "/_ledger/reset") => {
            shared.reset();
            Some(plain_answer(StatusCode::OK, json, Part::new("{}")))
        }
        _ => None,
    }
}
