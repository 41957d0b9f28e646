//! A collector of OpenTelemetry: takes spans by OTLP over HTTP and keeps them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::http::PATIENCE;

/// A running collector; it stops when this is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<Span>,
    /// Who sent them.
    resource: BTreeMap<String, String>,
    /// With what they were sent last.
    headers: HeaderMap,
}

/// A span, its attributes as texts.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// The trace it belongs to, in hex.
    pub trace: String,
    /// Its id, in hex.
    pub id: String,
    /// That of the span around it, in hex; empty if there is none.
    pub parent: String,
    /// The number of its kind: 1 internal, 2 server, 3 client.
    pub kind: i32,
    /// When it began and ended, in nanoseconds.
    pub time: (u64, u64),
    /// What is said of it.
    pub attributes: BTreeMap<String, String>,
    /// What went wrong, if something did.
    pub error: Option<String>,
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, kept) = (listener.local_addr()?, Arc::<Mutex<Kept>>::default());
        let task = tokio::spawn({
            let kept = Arc::clone(&kept);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let kept = Arc::clone(&kept);
                    let service = service_fn(move |request| take(Arc::clone(&kept), request));
                    // ends in an error whenever the sender goes
                    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
                }
            }
        });
        Ok(Self { address, kept, task: task.abort_handle() })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` names it by.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans, once there are so many.
    pub async fn spans(&self, count: usize) -> Result<Vec<Span>> {
        let start = Instant::now();
        loop {
            let spans = self.kept().spans.clone();
            if spans.len() >= count {
                return Ok(spans);
            }
            if start.elapsed() > PATIENCE {
                bail!("{} spans came, expected {count}: {spans:#?}", spans.len());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// What is said of whoever sent spans.
    pub fn resource(&self) -> BTreeMap<String, String> {
        self.kept().resource.clone()
    }

    /// A header that came with spans.
    pub fn header(&self, name: &str) -> Option<String> {
        self.kept().headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    kept: Arc<Mutex<Kept>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = |status| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        Ok(response)
    };
    let (parts, body) = request.into_parts();
    if parts.uri.path() != "/v1/traces" {
        return answer(StatusCode::NOT_FOUND);
    }
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let Ok(sent) = ExportTraceServiceRequest::decode(body) else { return answer(StatusCode::BAD_REQUEST) };
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.headers = parts.headers;
    for of_one in sent.resource_spans {
        kept.resource = texts(&of_one.resource.map(|resource| resource.attributes).unwrap_or_default());
        let spans = of_one.scope_spans.into_iter().flat_map(|scope| scope.spans);
        kept.spans.extend(spans.map(|span| Span {
            name: span.name,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            kind: span.kind,
            time: (span.start_time_unix_nano, span.end_time_unix_nano),
            attributes: texts(&span.attributes),
            // 2 is an error
            error: span.status.filter(|status| status.code == 2).map(|status| status.message),
        }));
    }
    answer(StatusCode::OK)
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let values = attributes.iter().filter_map(|pair| Some((&pair.key, pair.value.as_ref()?.value.as_ref()?)));
    values.map(|(key, value)| (key.clone(), text(value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // a text takes whatever is written to it
        let _ = write!(text, "{byte:02x}");
        text
    })
}
