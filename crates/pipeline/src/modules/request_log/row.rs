//! What is told of a request.

use penstock_core::canonical::StopReason;
use penstock_core::{Ended, Timestamp};
use serde::Serialize;

use crate::ResponseContext;

/// A row of the table. What is not known is null.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    /// The gateway's id of the request.
    id: String,
    /// When it came, by RFC 3339.
    at: String,
    user_id: &'a str,
    key_id: &'a str,
    /// The model that was asked for, as it was after all modules.
    model: &'a str,
    /// Who answered; null if no provider did.
    provider: Option<&'a str>,
    /// Its name of the model.
    upstream_model: Option<&'a str>,
    stream: bool,
    /// Of HTTP, as the client saw it.
    status: u16,
    ended: Option<&'static str>,
    stop_reason: Option<&'static str>,
    /// All of them, those from a prompt cache included.
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    /// US dollars, as the text of a decimal.
    cost: Option<String>,
    duration_ms: u64,
    /// Whether a module had the answer already.
    cached: bool,
    /// What the client was told instead of an answer.
    error: Option<&'a str>,
}

const OK: u16 = 200;

impl<'a> Row<'a> {
    /// What `context` tells.
    pub(super) fn of(context: &'a ResponseContext) -> Self {
        let (call, request, response) = (&*context.call, &context.request, &context.response);
        let owed = response.owed.as_ref();
        let error = response.error.as_deref();
        Self {
            id: call.id.to_string(),
            at: moment(call.at),
            user_id: &call.key.user_id,
            key_id: &call.key.id,
            model: request.model(),
            provider: owed.map(|owed| &*owed.provider),
            upstream_model: owed.map(|owed| &*owed.model),
            stream: request.is_stream(),
            status: error.map_or(OK, |error| error.status),
            ended: response.ended.map(Ended::as_str),
            stop_reason: response.stop_reason().map(StopReason::as_str),
            input_tokens: owed.map(|owed| owed.usage.total_input()),
            output_tokens: owed.map(|owed| owed.usage.output),
            cost: owed.and_then(|owed| owed.cost).map(|cost| cost.to_string()),
            duration_ms: u64::try_from(context.duration.as_millis()).unwrap_or(u64::MAX),
            cached: is_cached(context),
            error: error.map(|error| &*error.message),
        }
    }
}

/// Whether a cache among the modules says that the answer is its own: `cache.exact.hit`, say.
fn is_cached(context: &ResponseContext) -> bool {
    let is_hit = |key: &str| key.strip_prefix("cache.").and_then(|rest| rest.strip_suffix(".hit")).is_some();
    context.metadata.iter().any(|(key, value)| is_hit(key) && value.as_bool() == Some(true))
}

/// By RFC 3339, to the millisecond, so that texts sort as times do.
fn moment(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The file with what was said: in a folder for each day.
pub(super) fn file(context: &ResponseContext) -> String {
    let at = moment(context.call.at);
    let day = at.split('T').next().unwrap_or_default();
    format!("request-log/{day}/{}.json", context.call.id)
}
