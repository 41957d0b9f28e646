//! Where spans go: to the collector of OpenTelemetry that the environment names, by OTLP over HTTP.
//!
//! The variables are OpenTelemetry's own (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>),
//! and its SDK reads them: endpoint, headers, sampler, sizes of batches. What is read here decides whether there are
//! spans at all, and refuses what this program cannot do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use opentelemetry::KeyValue;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use penstock_gateway::traces::Traces;
use tokio::runtime::Handle;

use crate::commands::VERSION;

/// How long a collector may take, where `OTEL_EXPORTER_OTLP_TIMEOUT` does not say.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last spans may take to reach it.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Sends spans from a thread of its own, in batches. A request waits for nothing of it, and what does not fit into
/// its queue is given up.
#[derive(Debug)]
pub(crate) struct Exporter(SdkTracerProvider);

/// Starts the export, if the environment names a collector.
pub(crate) fn start(instance: &str) -> anyhow::Result<(Traces, Option<Exporter>)> {
    if !is_wanted(&variable) {
        return Ok((Traces::default(), None));
    }
    refuse_other_protocols(&variable)?;
    let collector = Collector::new(timeout(&variable)?)?;
    let exporter = SpanExporter::builder().with_http().with_http_client(collector).build().context(
        "OTEL_EXPORTER_OTLP_ENDPOINT: expected the URL of a collector, such as http://127.0.0.1:4318",
    )?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource(instance, &variable))
        .build();
    let tracer = BoxedTracer::new(Box::new(provider.tracer("penstock")));
    Ok((Traces::new(tracer, Box::new(TraceContextPropagator::new())), Some(Exporter(provider))))
}

impl Exporter {
    /// Sends what is left.
    pub(crate) async fn finish(self) {
        let last = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(SHUTDOWN)).await;
        if !matches!(last, Ok(Ok(()))) {
            tracing::warn!("the last spans did not reach their collector");
        }
    }
}

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The variable for traces, else the one for all signals.
fn of_traces(variables: Variables<'_>, end: &str) -> Option<(String, String)> {
    let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{end}"), format!("OTEL_EXPORTER_OTLP_{end}")];
    names.into_iter().find_map(|name| variables(&name).map(|value| (name, value)))
}

fn is_wanted(variables: Variables<'_>) -> bool {
    let is = |name, text: &str| variables(name).is_some_and(|value| value.eq_ignore_ascii_case(text));
    of_traces(variables, "ENDPOINT").is_some()
        && !is("OTEL_SDK_DISABLED", "true")
        && !is("OTEL_TRACES_EXPORTER", "none")
}

fn refuse_other_protocols(variables: Variables<'_>) -> anyhow::Result<()> {
    match of_traces(variables, "PROTOCOL") {
        Some((name, protocol)) if protocol != "http/protobuf" => bail!(
            "{name}: expected http/protobuf, found {protocol:?}: collectors take that at port 4318 as a rule"
        ),
        _ => Ok(()),
    }
}

fn timeout(variables: Variables<'_>) -> anyhow::Result<Duration> {
    let Some((name, value)) = of_traces(variables, "TIMEOUT") else { return Ok(TIMEOUT) };
    let milliseconds = value.parse().ok().filter(|milliseconds| *milliseconds > 0);
    let milliseconds =
        milliseconds.with_context(|| format!("{name}: expected milliseconds, found {value:?}"))?;
    Ok(Duration::from_millis(milliseconds))
}

/// Who sends: what the environment says, and where it says nothing, this program.
fn resource(instance: &str, variables: Variables<'_>) -> Resource {
    let said = variables("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let says =
        |key: &str| said.split(',').any(|pair| pair.split('=').next().is_some_and(|name| name.trim() == key));
    let mut resource = Resource::builder();
    if variables("OTEL_SERVICE_NAME").is_none() && !says("service.name") {
        resource = resource.with_service_name("penstock");
    }
    for (key, value) in [("service.version", VERSION), ("service.instance.id", instance)] {
        if !says(key) {
            resource = resource.with_attribute(KeyValue::new(key, value.to_owned()));
        }
    }
    resource.build()
}

/// The way to the collector. The SDK's thread has no runtime of its own, so that requests go out on the gateway's.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    is_away: AtomicBool,
}

impl Collector {
    fn new(timeout: Duration) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(penstock_gateway::tls())
            .timeout(timeout)
            // headers may hold a token, which is for this host only
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no HTTP client can be made for the collector of traces")?;
        Ok(Self { client, runtime: Handle::current(), is_away: AtomicBool::new(false) })
    }

    /// An outage is told at its begin and at its end.
    fn note(&self, fault: Option<&str>) {
        let was_away = self.is_away.swap(fault.is_some(), Ordering::Relaxed);
        match fault {
            Some(fault) if !was_away => {
                tracing::warn!(fault, "spans do not reach their collector: what cannot wait is given up");
            }
            None if was_away => tracing::info!("spans reach their collector again"),
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), reqwest::Request::try_from(request)?);
        let answer = self.runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut whole = Response::new(answer.bytes().await?);
            (*whole.status_mut(), *whole.headers_mut()) = (status, headers);
            Ok::<_, reqwest::Error>(whole)
        });
        // a collector's address may hold a login
        let answer = answer.await?.map_err(reqwest::Error::without_url);
        match &answer {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(&format!("it answered {}", answer.status()))),
            Err(error) => self.note(Some(&error.to_string())),
        }
        Ok(answer?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    #[test]
    fn spans_are_made_only_where_they_go_somewhere() {
        assert!(!is_wanted(&with(&[])));
        assert!(is_wanted(&with(&[ENDPOINT])));
        assert!(is_wanted(&with(&[(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://127.0.0.1:4318/v1/traces"
        )])));
        assert!(!is_wanted(&with(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")])));
        assert!(!is_wanted(&with(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")])));
    }

    #[test]
    fn what_cannot_be_done_is_refused_in_words() {
        assert!(refuse_other_protocols(&with(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")])).is_ok());
        let error = refuse_other_protocols(&with(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf, found \"grpc\"")
        );
        for value in ["0", "soon", "-1"] {
            let error = timeout(&with(&[("OTEL_EXPORTER_OTLP_TIMEOUT", value)])).unwrap_err();
            assert!(error.to_string().contains("expected milliseconds"), "{error}");
        }
        let both = [("OTEL_EXPORTER_OTLP_TIMEOUT", "20"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10")];
        assert_eq!(timeout(&with(&both)).unwrap(), Duration::from_millis(10));
    }

    #[test]
    fn what_the_environment_says_of_the_sender_holds() {
        let name = |set: &[(&str, &str)]| {
            let resource = resource("one", &with(set));
            resource.get(&opentelemetry::Key::new("service.instance.id")).map(|value| value.to_string())
        };
        assert_eq!(name(&[]).as_deref(), Some("one"));
        // its own detector reads the variable, which this test does not set
        assert_eq!(name(&[("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.instance.id=two")]), None);
    }
}
