//! The modules that would run for whoever asks.

use axum::Json;
use axum::Router;
use axum::extract::{self, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Uri};
use penstock_gateway::GatewayError;
use penstock_pipeline::{Hook, Pipeline};
use serde_json::{Value, json};

use crate::Shared;
use crate::inference::{authenticate, plain_error, remote};

/// Not to be kept: it depends on who asks.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/v1/pipeline", get(show))
}

async fn show(State(state): State<Shared>, request: extract::Request) -> Response {
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    match found(&state, &headers, &uri).await {
        Ok(body) => ([(CACHE_CONTROL, PRIVATE)], Json(body)).into_response(),
        Err(error) => plain_error(&state, &request, &error),
    }
}

async fn found(state: &Shared, headers: &HeaderMap, uri: &Uri) -> Result<Value, GatewayError> {
    let caller = authenticate(state, remote(state, headers), headers, uri)?;
    let pipeline = state.parts.gateway.pipeline_of(&caller, headers).await?;
    Ok(json!({ "object": "pipeline", "modules": modules(&pipeline) }))
}

fn modules(pipeline: &Pipeline) -> Vec<Value> {
    let module = |entry: &std::sync::Arc<penstock_pipeline::Entry>| {
        let module = &entry.module;
        let hooks: Vec<_> = module.hooks().iter().map(Hook::as_str).collect();
        json!({
            "name": module.name(),
            "version": module.version(),
            "source": entry.origin.to_string(),
            "hooks": hooks,
            "required": pipeline.is_required(entry),
            "on_failure": module.on_failure().as_str(),
            "state": if entry.trouble().is_some() { "failed" } else { "running" },
        })
    };
    pipeline.entries().iter().map(module).collect()
}
