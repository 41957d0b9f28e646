//! The calls that models answer: names dialect and operation, makes the request id, caps the body.

mod body;
mod key;
mod spans;
#[cfg(test)]
mod tests;

use std::time::Instant;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use http::{HeaderMap, Method, Uri};
use penstock_core::{Dialect, Operation, RequestId};
use penstock_gateway::exchange::PathModel;
use penstock_gateway::respond::{self, Ids};
use penstock_gateway::traces::RequestSpan;
use penstock_gateway::{Body, Caller, GatewayError, Remote, Request};

use crate::logged::Logged;
use crate::response::{Entry, Place, counted};
use crate::{Shared, listen};

pub(crate) use body::discard;
use key::present;
pub(crate) use key::query_without_key;

/// What is asked at a path: in which dialect, and for what.
pub(crate) type Asked = (Dialect, Operation);

/// Where each call is whose body names the model.
const CALLS: [(&str, Asked); 5] = [
    ("/v1/chat/completions", (Dialect::OpenaiChat, Operation::Generate)),
    ("/v1/responses", (Dialect::OpenaiResponses, Operation::Generate)),
    ("/v1/messages", (Dialect::AnthropicMessages, Operation::Generate)),
    ("/v1/messages/count_tokens", (Dialect::AnthropicMessages, Operation::CountTokens)),
    ("/v1/embeddings", (Dialect::OpenaiChat, Operation::Embed)),
];

/// Each call, aggregated and under a provider's name.
pub(crate) fn router() -> Router<Shared> {
    CALLS.into_iter().fold(Router::new(), |router, (path, asked)| {
        router.route(path, call(asked)).route(&format!("/{{provider}}{path}"), scoped_call(asked))
    })
}

/// What an aggregated call asks, as the router would find it. Nearly all requests are such calls, and on the
/// framework's way to a handler each layer boxes its future.
pub(crate) fn asked(method: &Method, path: &str) -> Option<Asked> {
    let (_, asked) = CALLS.into_iter().find(|(known, _)| *known == path)?;
    (method == Method::POST).then_some(asked)
}

/// The path of a call, with what differs from call to call left open.
fn route(asked: Asked, is_scoped: bool) -> String {
    let path = CALLS.into_iter().find(|(_, known)| *known == asked).map(|(path, _)| path);
    let path = path.unwrap_or("/v1beta/models/{model}");
    if is_scoped { format!("/{{provider}}{path}") } else { path.to_owned() }
}

/// What is noted for a request whose client went away before there was a status (nginx's number).
const CLIENT_GONE: u16 = 499;

fn call(asked: Asked) -> MethodRouter<Shared> {
    post(move |State(state): State<Shared>, request: axum::extract::Request| {
        handle(state, asked, None, None, request)
    })
}

fn scoped_call(asked: Asked) -> MethodRouter<Shared> {
    post(move |State(state): State<Shared>, Path(provider): Path<String>, request: axum::extract::Request| {
        handle(state, asked, Some(provider), None, request)
    })
}

/// Gemini names the model and what to do with it in the path: `{model}:{action}`.
pub(crate) async fn gemini(
    state: Shared,
    provider: Option<String>,
    rest: String,
    request: axum::extract::Request,
) -> Response {
    let named = rest.rsplit_once(':').and_then(|(model, action)| {
        let operation = match action {
            "generateContent" | "streamGenerateContent" => Operation::Generate,
            "countTokens" => Operation::CountTokens,
            "embedContent" | "batchEmbedContents" => Operation::Embed,
            _ => return None,
        };
        Some((operation, PathModel { model: model.to_owned(), action: action.to_owned() }))
    });
    match named {
        Some((operation, model)) => {
            handle(state, (Dialect::Gemini, operation), provider, Some(model), request).await
        }
        None => not_found(State(state), request).await,
    }
}

pub(crate) async fn handle(
    state: Shared,
    (dialect, operation): Asked,
    provider: Option<String>,
    path_model: Option<PathModel>,
    request: axum::extract::Request,
) -> Response {
    let arrived = Instant::now();
    let at = state.parts.gateway.now();
    let id = RequestId::new(at);
    let (parts, body) = request.into_parts();
    let ids = Ids::new(id, &parts.headers);
    let remote = remote(&state, &parts.headers);
    let logged = Logged::begin(state.parts.gateway.logs(), id, at, &parts);
    let span = state.parts.gateway.traces().begin(&parts.headers, || {
        let route = route((dialect, operation), provider.is_some());
        spans::about(&parts, &route, id, remote.address())
    });
    let trace = span.as_ref().and_then(RequestSpan::within);
    let mut entry = Entry {
        state: Shared::clone(&state),
        id,
        arrived,
        client: remote.address(),
        dialect,
        operation,
        status: CLIENT_GONE,
        bytes: 0,
        logged,
        span: span.map(Box::new),
    };
    let place = match Place::take(&state) {
        Ok(place) => place,
        Err(error) => return refuse(dialect, &ids, &error, body, entry).await,
    };
    let caller = match authenticate(&state, remote, &parts.headers, &parts.uri) {
        Ok(caller) => caller,
        Err(error) => return refuse(dialect, &ids, &error, body, entry).await,
    };
    let body = match body::read(body, &parts.headers, state.parts.limits).await {
        Ok(body) => body,
        Err((error, rest)) => return refuse(dialect, &ids, &error, rest, entry).await,
    };
    if let Some(logged) = &mut entry.logged {
        logged.asked(&body);
    }
    let query = parts.uri.query().and_then(query_without_key);
    let request = Request {
        id,
        at,
        arrived,
        caller,
        dialect,
        operation,
        provider,
        path_model,
        headers: parts.headers,
        query,
        body,
        trace,
    };
    let response = state.parts.gateway.execute(request).await;
    counted(response, entry, Some(place))
}

/// Where the request comes from that is being answered.
pub(crate) fn remote(state: &Shared, headers: &HeaderMap) -> Remote {
    state.parts.trusted_proxies.remote(listen::peer(), headers)
}

/// Who asks, from wherever the key stands.
pub(crate) fn authenticate(
    state: &Shared,
    remote: Remote,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Caller, GatewayError> {
    state.parts.gateway.authenticate(present(headers, uri.query()), remote, headers)
}

/// A refusal before the body was read. What the client is still sending is taken and thrown away for a
/// moment, since a client that is cut off while it sends never sees the answer.
async fn refuse(
    dialect: Dialect,
    ids: &Ids,
    error: &GatewayError,
    rest: axum::body::Body,
    entry: Entry,
) -> Response {
    tracing::info!(request_id = %ids.request, code = error.class().code, %error, "a request was refused");
    discard(rest).await;
    counted(respond::error(dialect, ids, error), entry, None)
}

/// The dialect that a client of an unknown path most likely speaks.
pub(crate) fn likely_dialect(path: &str, headers: &HeaderMap) -> Dialect {
    if path.contains("/v1beta/") || headers.contains_key("x-goog-api-key") {
        Dialect::Gemini
    } else if path.contains("/messages")
        || headers.contains_key("anthropic-version")
        || headers.contains_key("x-api-key")
    {
        Dialect::AnthropicMessages
    } else {
        Dialect::OpenaiChat
    }
}

/// Answers what is no path of the gateway.
pub(crate) async fn not_found(State(state): State<Shared>, request: axum::extract::Request) -> Response {
    let message = format!(
        "no such path: {} {}; there are /v1/chat/completions, /v1/responses, /v1/messages, /v1/embeddings, \
         /v1/models, /v1beta/models/… and the same under /{{provider}}",
        request.method(),
        request.uri().path()
    );
    plain_error(&state, &request, &GatewayError::NotFound { message, code: "path_not_found" })
}

/// Answers a path that is there for another method.
pub(crate) async fn method_not_allowed(
    State(state): State<Shared>,
    request: axum::extract::Request,
) -> Response {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    plain_error(&state, &request, &GatewayError::MethodNotAllowed(message))
}

/// An error outside any call.
pub(crate) fn plain_error(
    state: &Shared,
    request: &axum::extract::Request,
    error: &GatewayError,
) -> Response {
    let dialect = likely_dialect(request.uri().path(), request.headers());
    let ids = Ids::new(RequestId::new(state.parts.gateway.now()), request.headers());
    respond::error(dialect, &ids, error).map(|body: Body| axum::body::Body::new(body))
}
