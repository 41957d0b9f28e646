//! Modules before the call, per chunk, and after it.
//!
//! Which pipeline a request takes is decided once (`select`); what it is given is made of the exchange (`call`,
//! `source`, `upstreams`); what happens while the answer is on its way and after it is in `after`. A request
//! whose pipeline is empty costs one look at it.
//!
//! The step's place in the order matters: `resolve`, `reserve` and `plan` look at the request as it is after `pre`, and
//! `plan` may choose passthrough only for content that no module edits.

mod after;
mod call;
mod live;
mod select;
mod source;
mod upstreams;

use std::fmt::Write as _;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use penstock_core::Operation;
use penstock_pipeline::{Answer, Pipeline, Run};

pub(crate) use self::after::{Modules, Outcome};
pub use self::live::{Fingerprint, LivePipelines, LoadError, PipelineOptions, SpecSource};
pub(crate) use self::select::select;
pub(crate) use self::source::Recorded;
use crate::exchange::Exchange;
use crate::execute::Shared;
use crate::{Caller, GatewayError};

/// The modules of a request, which have not run yet; none for what they have no part in.
pub(crate) async fn enter(shared: &Arc<Shared>, exchange: &mut Exchange) -> Result<Modules, GatewayError> {
    let operation = exchange.request.operation;
    if !matches!(operation, Operation::Generate | Operation::Embed) {
        return Ok(Modules::none());
    }
    let request = &exchange.request;
    let pipeline = select(&shared.pipelines, &request.caller, &request.headers).await?;
    if pipeline.is_empty() {
        return Ok(Modules::none());
    }
    let within = exchange.request.trace.clone();
    Ok(Modules::of(run(shared, exchange, pipeline), shared.tasks.clone(), within))
}

fn run(shared: &Arc<Shared>, exchange: &mut Exchange, pipeline: Arc<Pipeline>) -> Run {
    let call = call::call(shared, exchange);
    let request = source::request(exchange);
    Run::new(pipeline, Arc::new(call), request, exchange.request.arrived)
}

/// Runs every `pre`; what they did to the request is in `exchange` afterwards.
pub(crate) async fn pre(modules: &mut Modules, exchange: &mut Exchange) -> Option<Answer> {
    let answer = modules.run_mut()?.pre().await;
    if let Some(run) = modules.run() {
        exchange.take_edits(run.request());
    }
    answer
}

/// The header by which an administrator asks what modules did, and is told.
pub(crate) const TRACE: HeaderName = HeaderName::from_static("x-penstock-trace");

/// What modules have done so far, where an administrator wants to know.
pub(crate) fn trace(modules: &Modules, exchange: &Exchange) -> Option<HeaderValue> {
    let asked = exchange.request.headers.contains_key(&TRACE);
    let allowed = match &exchange.request.caller {
        Caller::Open => true,
        Caller::User(principal) => principal.is_admin,
        Caller::OwnKey(_) => false,
    };
    let run = modules.run().filter(|_| asked && allowed)?;
    let metadata: serde_json::Map<_, _> =
        run.metadata().iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    let text = serde_json::json!({ "steps": run.trace(), "metadata": metadata }).to_string();
    HeaderValue::from_str(&ascii(&text)).ok()
}

/// JSON in the letters that a header can have.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    json.chars().fold(String::with_capacity(json.len()), |mut text, letter| {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                // a text takes whatever is written to it
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
        text
    })
}
