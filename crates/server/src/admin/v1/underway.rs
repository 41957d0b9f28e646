//! Counts the requests that are under way, so that a stop waits for them: a change that is committed has to be
//! answered, above all with a key that is shown once.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::Shared;

/// Counted until it is dropped.
struct Underway(Shared);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.admin_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a request until its answer is over.
pub(super) async fn count(State(state): State<Shared>, request: Request, next: Next) -> Response {
    state.admin_in_flight.fetch_add(1, Ordering::Relaxed);
    let underway = Underway(state);
    next.run(request).await.map(|body| Body::new(Answer { body, _underway: underway }))
}

/// The body of an answer, which is long where it is an export.
struct Answer {
    body: Body,
    _underway: Underway,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
