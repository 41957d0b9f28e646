//! The gateway's body inside the framework's, counted while it is open.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use metrics::{Counter, Histogram, counter, histogram};
use penstock_core::{Dialect, Operation, RequestId};
use penstock_gateway::meters::Meters;
use penstock_gateway::traces::RequestSpan;
use penstock_gateway::{Body, BodyError, GatewayError};

use crate::Shared;
use crate::logged::Logged;

/// A place among the requests in flight; given back when it is dropped.
pub(crate) struct Place(Shared);

impl Place {
    /// Takes a place, if there is one.
    pub(crate) fn take(state: &Shared) -> Result<Self, GatewayError> {
        let limit = state.parts.limits.max_in_flight;
        let taken = state.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Self(Shared::clone(state));
        if taken >= limit {
            return Err(GatewayError::Overloaded(format!(
                "the gateway is answering {limit} requests, as many as it may (`--max-in-flight`): try again"
            )));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the access log and the metrics say of a request.
pub(crate) struct Entry {
    pub(crate) state: Shared,
    pub(crate) id: RequestId,
    pub(crate) arrived: Instant,
    /// Where the request comes from.
    pub(crate) client: Option<IpAddr>,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) logged: Option<Box<Logged>>,
    pub(crate) span: Option<Box<RequestSpan>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(logged) = self.logged.take() {
            logged.end(self.status);
        }
        if let Some(span) = &mut self.span {
            span.answered(self.status);
        }
        let elapsed = self.arrived.elapsed();
        tracing::info!(
            target: "penstock::access",
            request_id = %self.id, client = self.client.map(tracing::field::display), dialect = self.dialect.as_str(), operation = self.operation.as_str(),
            status = self.status, bytes = self.bytes, ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        let meters = &self.state.meters;
        meters.requests(self.dialect, self.operation, status_text(self.status)).increment(1);
        meters.duration(self.dialect, self.operation).record(elapsed.as_secs_f64());
    }
}

/// What is counted of all requests.
#[derive(Debug, Default)]
pub(crate) struct RequestMeters {
    requests: Meters<(Dialect, Operation, &'static str), Counter>,
    duration: Meters<(Dialect, Operation), Histogram>,
}

impl RequestMeters {
    fn requests(&self, dialect: Dialect, operation: Operation, status: &'static str) -> Counter {
        self.requests.get((dialect, operation, status), |_| {
            counter!("penstock_requests_total", "dialect" => dialect.as_str(), "operation" => operation.as_str(), "status" => status)
        })
    }

    fn duration(&self, dialect: Dialect, operation: Operation) -> Histogram {
        self.duration.get((dialect, operation), |_| {
            histogram!("penstock_request_duration_seconds", "dialect" => dialect.as_str(), "operation" => operation.as_str())
        })
    }
}

/// A status as a label: those that matter one by one, the others by class.
fn status_text(status: u16) -> &'static str {
    match (status, status / 100) {
        (400, _) => "400",
        (401, _) => "401",
        (403, _) => "403",
        (404, _) => "404",
        (429, _) => "429",
        (499, _) => "499",
        (502, _) => "502",
        (503, _) => "503",
        (504, _) => "504",
        (_, 2) => "2xx",
        (_, 4) => "4xx",
        _ => "5xx",
    }
}

/// A response body that keeps its request's place until it is over.
struct Counted {
    body: Body,
    entry: Entry,
    _place: Option<Place>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.entry.bytes += data.len() as u64;
            if let Some(logged) = &mut self.entry.logged {
                logged.answers(data);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The framework's response for one of the gateway's.
pub(crate) fn counted(response: http::Response<Body>, mut entry: Entry, place: Option<Place>) -> Response {
    entry.status = response.status().as_u16();
    response.map(|body| axum::body::Body::new(Counted { body, entry, _place: place }))
}
