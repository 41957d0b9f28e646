//! What operators and their machines ask.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use penstock_gateway::Gateway;
use serde_json::{Value, json};

use crate::Shared;

/// Health, readiness, metrics, version, and the greeting that coding agents look for.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(hello))
        .route("/api/hello", get(hello))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
}

async fn hello(State(state): State<Shared>) -> Response {
    Json(json!({"name": "penstock", "version": state.parts.version})).into_response()
}

async fn version(State(state): State<Shared>) -> Response {
    Json(json!({"version": state.parts.version})).into_response()
}

/// Ready as long as requests can be served: a control store that is away does not change that, since
/// requests are answered from the snapshot and settled into the journal.
async fn ready(State(state): State<Shared>) -> Response {
    let stopping = state.stopping.load(Ordering::Relaxed);
    let store = state.parts.store.health().await;
    let body = json!({
        "ready": !stopping,
        "control_store": {"ok": store.is_ok(), "error": store.err().map(|error| error.to_string())},
        "journal": {
            "open_requests": state.parts.journal.open_requests(),
            "pending_settlements": state.parts.journal.pending(),
        },
        "storage": storage(&state.parts.gateway),
    });
    let status = if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(body)).into_response()
}

/// What modules have, as far as calls have shown. That a part is down does not make the gateway unready: a
/// module is told so, and requests are answered.
fn storage(gateway: &Gateway) -> Value {
    let (kind, health) = (gateway.storage().kind(), gateway.storage().health());
    let mut said = json!({"kind": kind.as_str(), "ok": health.is_ok()});
    for (name, part) in health.parts {
        let trouble = part.trouble.as_ref();
        said[name] = json!({
            "backend": part.backend,
            "ok": trouble.is_none(),
            "since": trouble.map(|trouble| trouble.since),
            "error": trouble.map(|trouble| &trouble.why),
        });
    }
    said
}

async fn metrics(State(state): State<Shared>) -> Response {
    let text = state.parts.metrics.render();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
