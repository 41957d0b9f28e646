//! Spans of OpenTelemetry: what became of a request, for whoever collects traces.
//!
//! A request has a span, and in it one for each hook of a module and one for each call of a provider, named as the
//! conventions for generative AI have it (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>). Those inside are made
//! when they are over, of what is noted anyway: a gateway that exports nothing does none of this.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use penstock_control::Settlement;
use penstock_core::{Dialect, Ended, Operation};
use penstock_pipeline::{Step, Trace};

use crate::routing::Provider;

/// Where spans go, if anywhere.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Exporting>>);

struct Exporting {
    tracer: BoxedTracer,
    propagator: Box<dyn TextMapPropagator + Send + Sync>,
}

impl fmt::Debug for Exporting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporting").finish_non_exhaustive()
    }
}

/// The span of a request; it ends when it is dropped.
#[derive(Debug)]
pub struct RequestSpan {
    span: BoxedSpan,
    within: Within,
}

/// What spans of a request's parts stand in.
#[derive(Clone, Debug)]
pub struct Within {
    exporting: Arc<Exporting>,
    context: Context,
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

impl Traces {
    /// To this tracer; `propagator` reads what a client says of its own trace.
    pub fn new(tracer: BoxedTracer, propagator: Box<dyn TextMapPropagator + Send + Sync>) -> Self {
        Self(Some(Arc::new(Exporting { tracer, propagator })))
    }

    /// The span of a request that has arrived, inside the one that its headers name. `None` where spans go nowhere.
    pub fn begin(
        &self,
        headers: &HeaderMap,
        about: impl FnOnce() -> (String, Vec<KeyValue>),
    ) -> Option<RequestSpan> {
        let exporting = self.0.as_ref()?;
        let around = exporting.propagator.extract_with_context(&Context::new(), &Headers(headers));
        let (name, attributes) = about();
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let span = exporting.tracer.build_with_context(builder, &around);
        let context = Context::new().with_remote_span_context(span.span_context().clone());
        Some(RequestSpan { span, within: Within { exporting: Arc::clone(exporting), context } })
    }
}

impl RequestSpan {
    /// What spans of the request's parts stand in; none if nobody keeps this trace.
    pub fn within(&self) -> Option<Within> {
        self.span.span_context().is_sampled().then(|| self.within.clone())
    }

    /// The client was answered with this status.
    pub fn answered(&mut self, status: u16) {
        self.span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            self.span.set_attribute(KeyValue::new("error.type", status.to_string()));
            self.span.set_status(Status::error(""));
        }
    }
}

impl Within {
    /// A span of what began and ended at these times.
    fn note(&self, builder: SpanBuilder, (began, ended): (SystemTime, SystemTime), error: Option<Error>) {
        let Exporting { tracer, .. } = &*self.exporting;
        let mut span = tracer.build_with_context(builder.with_start_time(began), &self.context);
        if let Some(Error { kind, message }) = error {
            span.set_attribute(KeyValue::new("error.type", kind));
            span.set_status(Status::error(message));
        }
        span.end_with_timestamp(ended);
    }

    /// A span for each hook.
    pub(crate) fn hooks(&self, trace: &Trace) {
        for step in trace.steps() {
            let Step { module, hook, outcome, calls, .. } = step;
            let builder = SpanBuilder::from_name(format!("{hook} {module}", hook = hook.as_str()))
                .with_attributes([
                    KeyValue::new("penstock.module", module.clone()),
                    KeyValue::new("penstock.hook", hook.as_str()),
                    KeyValue::new("penstock.outcome", *outcome),
                    KeyValue::new("penstock.calls", i64::from(*calls)),
                ]);
            let error = step
                .error
                .as_ref()
                .map(|message| Error { kind: (*outcome).into(), message: message.clone() });
            self.note(builder, (step.began, step.ended), error);
        }
    }
}

/// What went wrong: a short name, and a sentence if there is one.
struct Error {
    kind: Cow<'static, str>,
    message: String,
}

/// The calls of providers that are made for one request, one after another.
#[derive(Debug)]
pub(crate) struct Calls {
    within: Within,
    /// When the one under way began.
    began: Option<SystemTime>,
    number: u32,
}

impl Calls {
    pub(crate) fn new(within: Within) -> Self {
        Self { within, began: None, number: 0 }
    }

    /// A provider is about to be asked.
    pub(crate) fn begin(&mut self) {
        self.began = Some(SystemTime::now());
        self.number += 1;
    }

    /// It gave no answer that goes to the client.
    pub(crate) fn failed(&mut self, draft: &Settlement, provider: &Provider, outcome: &'static str) {
        self.end(draft, provider, Vec::new(), Some(Error { kind: outcome.into(), message: String::new() }));
    }

    /// It refused, and the client hears of it.
    pub(crate) fn refused(&mut self, draft: &Settlement, provider: &Provider, status: u16) {
        let attributes = vec![KeyValue::new("http.response.status_code", i64::from(status))];
        let error = Error { kind: status.to_string().into(), message: String::new() };
        self.end(draft, provider, attributes, Some(error));
    }

    /// It answered.
    pub(crate) fn settled(&mut self, settlement: &Settlement, provider: &Provider) {
        let usage = &settlement.usage;
        let tokens =
            |name, count| (count > 0).then(|| KeyValue::new(name, i64::try_from(count).unwrap_or(i64::MAX)));
        let cache_write = usage.cache_write_5m + usage.cache_write_1h;
        let mut attributes: Vec<_> = [
            tokens("gen_ai.usage.input_tokens", usage.total_input()),
            tokens("gen_ai.usage.output_tokens", usage.output),
            tokens("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
            tokens("gen_ai.usage.cache_creation.input_tokens", cache_write),
            tokens("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
        ]
        .into_iter()
        .flatten()
        .collect();
        if let Some(ttft) = settlement.ttft_ms {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of one request")]
            attributes.push(KeyValue::new("gen_ai.response.time_to_first_chunk", ttft as f64 / 1e3));
        }
        if let Some(cost) = settlement.cost {
            attributes.push(KeyValue::new("penstock.cost", cost.to_string()));
        }
        attributes.push(KeyValue::new("penstock.ended", settlement.ended.as_str()));
        attributes.push(KeyValue::new("penstock.usage_source", settlement.source.as_str()));
        let error = (settlement.ended == Ended::Interrupted)
            .then(|| Error { kind: settlement.ended.as_str().into(), message: String::new() });
        self.end(settlement, provider, attributes, error);
    }

    fn end(&mut self, call: &Settlement, provider: &Provider, more: Vec<KeyValue>, error: Option<Error>) {
        let Some(began) = self.began.take() else { return };
        let operation = operation(call.operation, call.dialect);
        let mut attributes = more;
        attributes.extend([
            KeyValue::new("gen_ai.operation.name", operation),
            KeyValue::new("gen_ai.provider.name", system(&provider.row.name)),
            KeyValue::new("gen_ai.request.model", call.model.to_string()),
            KeyValue::new("penstock.provider", call.provider.to_string()),
        ]);
        if let Some(credential) = &call.credential {
            attributes.push(KeyValue::new("penstock.credential", credential.to_string()));
        }
        if let Some(resent) = self.number.checked_sub(1).filter(|resent| *resent > 0) {
            attributes.push(KeyValue::new("http.request.resend_count", i64::from(resent)));
        }
        let builder = SpanBuilder::from_name(format!("{operation} {}", call.model))
            .with_kind(SpanKind::Client)
            .with_attributes(attributes);
        self.within.note(builder, (began, SystemTime::now()), error);
    }
}

/// The conventions' name of an operation.
const fn operation(operation: Operation, dialect: Dialect) -> &'static str {
    match (operation, dialect) {
        (Operation::Generate, Dialect::Gemini) => "generate_content",
        (Operation::Generate, _) => "chat",
        (Operation::Embed, _) => "embeddings",
        // these two have none there
        (Operation::CountTokens, _) => "count_tokens",
        (Operation::ListModels, _) => "list_models",
    }
}

/// The conventions' name of a provider, where it is not the one of its row.
fn system(row: &str) -> String {
    match row {
        "gemini" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "bedrock" => "aws.bedrock",
        "azure_openai" => "azure.ai.openai",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        row => row,
    }
    .to_owned()
}
