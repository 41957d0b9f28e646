//! What goes back: the head of an upstream answer, or an error in the client's dialect.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, response};
use http_body::{Frame, SizeHint};
use penstock_core::{Clock, Dialect, RequestId};
use penstock_dialects::errors::encode;
use penstock_dialects::loss::Loss;
use penstock_pipeline::Answer;
use tokio_util::task::TaskTracker;

use crate::exchange::Exchange;
use crate::pipeline::{self, Modules, Outcome};
use crate::prepare::remove;
use crate::stream::AnswerBody;
use crate::translate::{self, Translation};
use crate::{GatewayError, OnClientGone};

/// Whether a header of a provider ends here: it speaks of that hop, or of that host, or of the web pages that
/// may read it, which is not the provider's to say.
fn ends_here(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
        || matches!(
            name.as_str(),
            "connection"
                | "transfer-encoding"
                | "keep-alive"
                | "upgrade"
                | "trailer"
                | "set-cookie"
                | "alt-svc"
                | "strict-transport-security"
                | "server"
                | "via"
                | "date"
                | "nel"
                | "report-to"
        )
}

/// Removes what names the account that pays: with the gateway's credential it is not the client's.
pub(crate) fn hide_account(headers: &mut HeaderMap) {
    static NAMES: [HeaderName; 3] = [
        HeaderName::from_static("openai-organization"),
        HeaderName::from_static("openai-project"),
        HeaderName::from_static("anthropic-organization-id"),
    ];
    for name in &NAMES {
        headers.remove(name);
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
const X_UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
const X_PENSTOCK_LOSS: HeaderName = HeaderName::from_static("x-penstock-loss");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The provider broke off; the connection is cut so that the client notices.
    #[error("the answer was interrupted")]
    Interrupted,
}

/// The body of any response.
#[derive(Debug)]
pub enum Body {
    /// All of it.
    Whole(Option<Bytes>),
    /// An answer on its way.
    Answer(Answering),
}

/// An answer together with what happens if its client goes away.
#[derive(Debug)]
pub struct Answering {
    answer: Option<Box<AnswerBody>>,
    on_client_gone: OnClientGone,
    tasks: TaskTracker,
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Some(answer) = self.answer.take().filter(|answer| answer.is_open()) else {
            return;
        };
        match self.on_client_gone {
            // the connection to the provider closes with the body, the guard in it settles
            OnClientGone::Cancel => drop(answer),
            OnClientGone::Drain => drop(self.tasks.spawn(answer.drain())),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Answer(Answering { answer: Some(answer), .. }) => {
                Pin::new(answer.as_mut()).poll_frame(context)
            }
            Self::Answer(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Answer(answering) => {
                answering.answer.as_ref().is_none_or(|answer| AnswerBody::is_over(answer))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Answer(_) => SizeHint::default(),
        }
    }
}

/// The response for an answer on its way.
pub(crate) fn answer(
    head: response::Parts,
    answer: AnswerBody,
    request: &Ids,
    on_client_gone: OnClientGone,
    tasks: TaskTracker,
) -> Response<Body> {
    let unchanged = answer.is_unchanged();
    let answering = Answering { answer: Some(Box::new(answer)), on_client_gone, tasks };
    let mut response = from_upstream(head, Body::Answer(answering), request);
    if !unchanged {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// An answer longer than this is not held to be translated.
const WHOLE_LIMIT: usize = 64 << 20;

/// The response for a whole answer in another dialect.
pub(crate) async fn translated(
    mut head: response::Parts,
    answer: AnswerBody,
    mut back: Translation,
    ids: &Ids,
) -> Result<Response<Body>, GatewayError> {
    let provider = answer.provider();
    let body = back.answer(&answer.whole(WHOLE_LIMIT).await?, &provider)?;
    for name in [header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        head.headers.remove(name);
    }
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = from_upstream(head, Body::Whole(Some(body)), ids);
    Ok(with_losses(response, &back.losses))
}

/// Says in a header who answered out of a cache.
const X_PENSTOCK_CACHE: HeaderName = HeaderName::from_static("x-penstock-cache");

/// The response that a module gives.
pub(crate) fn by_module(
    modules: &mut Modules,
    answer: Answer,
    exchange: &Exchange,
    ids: &Ids,
    clock: &dyn Clock,
) -> Result<Response<Body>, GatewayError> {
    let (module, mut given) = match answer {
        Answer::Refused(refusal) => return Err(GatewayError::Module(Box::new(refusal))),
        Answer::Response { module, response } => (module, *response),
    };
    let dialect = exchange.request.dialect;
    let Some(way) = Translation::own(dialect, exchange.wants_stream_usage(), clock) else {
        return Err(GatewayError::Unsupported(format!(
            "module {module:?} answered this request, and this version cannot write answers in {dialect}"
        )));
    };
    if given.id.is_empty() {
        given.id = ids.request.to_string();
    }
    if given.model.is_empty() {
        given.model.clone_from(&exchange.requested);
    }
    let run = modules.run();
    let is_stream = run.is_some_and(|run| run.request().is_stream());
    let is_cached = run.is_some_and(|run| {
        let mut metadata = run.metadata().iter();
        metadata.any(|(key, value)| {
            key.starts_with("cache.") && key.strip_suffix(".hit").is_some() && *value == true
        })
    });
    let trace = pipeline::trace(modules, exchange);
    let mut response = Response::new(Body::Whole(Some(way.given(&given, is_stream))));
    let headers = response.headers_mut();
    let kind = if is_stream { "text/event-stream" } else { "application/json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, PRIVATE);
    if let Some(name) = HeaderValue::from_str(&module).ok().filter(|_| is_cached) {
        headers.insert(X_PENSTOCK_CACHE, name);
    }
    ids.stamp(headers);
    modules.finish(Outcome::Given(penstock_pipeline::Response::new(given)));
    Ok(with_trace(response, trace))
}

/// Says in a header what modules did, where somebody may know.
pub(crate) fn with_trace(mut response: Response<Body>, trace: Option<HeaderValue>) -> Response<Body> {
    if let Some(trace) = trace {
        response.headers_mut().insert(pipeline::TRACE, trace);
    }
    response
}

/// Says in a header what a translation could not carry.
pub(crate) fn with_losses(mut response: Response<Body>, losses: &[Loss]) -> Response<Body> {
    if let Some(value) = translate::header(losses) {
        response.headers_mut().insert(X_PENSTOCK_LOSS, value);
    }
    response
}

/// The response for a refusal of the provider, in its own words.
pub(crate) fn refusal(head: response::Parts, body: Bytes, request: &Ids) -> Response<Body> {
    from_upstream(head, Body::Whole(Some(body)), request)
}

/// The ids that a response carries.
#[derive(Clone, Debug)]
pub struct Ids {
    /// The gateway's own.
    pub request: RequestId,
    /// The client's, which means nothing here and is only given back.
    pub client: Option<HeaderValue>,
}

impl Ids {
    /// The ids of a request with these headers.
    pub fn new(request: RequestId, headers: &HeaderMap) -> Self {
        Self { request, client: headers.get(&X_REQUEST_ID).cloned() }
    }

    /// Puts them into the headers of a response.
    pub fn stamp(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::try_from(self.request.to_string()) {
            headers.insert(X_REQUEST_ID, id);
        }
        if let Some(client) = &self.client {
            headers.insert(X_CLIENT_REQUEST_ID, client.clone());
        }
    }
}

fn from_upstream(head: response::Parts, body: Body, ids: &Ids) -> Response<Body> {
    let mut headers = head.headers;
    remove(&mut headers, ends_here);
    if let Some(upstream) = headers.remove(&X_REQUEST_ID) {
        headers.insert(X_UPSTREAM_REQUEST_ID, upstream);
    }
    headers.insert(header::CACHE_CONTROL, PRIVATE);
    ids.stamp(&mut headers);
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = headers;
    response
}

/// The response for an error of the gateway.
pub fn error(dialect: Dialect, ids: &Ids, error: &GatewayError) -> Response<Body> {
    let body = error.encode(dialect, ids.request, encode);
    let class = error.class();
    let mut response = Response::new(Body::Whole(Some(body)));
    *response.status_mut() = StatusCode::from_u16(class.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, PRIVATE);
    if !class.retryable {
        // the official clients would send it again on any 5xx
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Some(seconds) = error.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    ids.stamp(headers);
    response
}
