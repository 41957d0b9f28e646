//! Accepts connections and gives every request the answer its script asks for.
//!
//! The order for one request: read it whole, open its ledger page, then a queued answer if there is
//! one, else the refusals (key, scripted failures), else the dialect's answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answer::{plain_answer, refuse};
use super::body::PacedBody;
use super::connection::{Sabotage, Wire};
use super::control;
use super::ledger::Entry;
use super::received::{Outcome, Received, now_ms};
use super::render::{Answer, Part, SharedAnswer};
use super::request::{Ask, Dialect, Endpoint};
use super::script::{Flag, Script};
use super::state::Shared;

/// Serves until dropped; its connections end with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, peer)) = accepted {
                    connections.spawn(serve(stream, peer, shared.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let sabotage = Sabotage::default();
    // Refused only on a socket that is already dead, which serving it finds out
    let _ = stream.set_nodelay(true);
    let wire = TokioIo::new(Wire::new(stream, sabotage.clone()));
    let service = service_fn(move |request| {
        let (shared, sabotage) = (shared.clone(), sabotage.clone());
        async move { Ok::<_, Infallible>(respond(shared, sabotage, peer, request).await) }
    });
    // Ends in an error whenever a script cut the answer or the peer left; the ledger has both
    let _ = http1::Builder::new().serve_connection(wire, service).await;
}

async fn respond(
    shared: Arc<Shared>,
    sabotage: Sabotage,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<PacedBody> {
    let (parts, body) = request.into_parts();
    if let Some(answer) = control::answer(&shared, &parts) {
        return send(Arc::new(answer), None, sabotage, None);
    }
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    let uploaded = body.is_ok();
    let body = body.unwrap_or_default();
    let addressed = Endpoint::of(&parts);
    let dialect = addressed.as_ref().map_or(Dialect::OpenAiChat, |(endpoint, _)| endpoint.dialect());
    let asked = addressed.map(|(endpoint, model)| Ask::read(endpoint, model, &body));
    let ask = asked.as_ref().and_then(|asked| asked.as_ref().ok());
    let mut entry = shared.ledger.begin(Received {
        sequence: 0,
        received_ms: now_ms(),
        ended_ms: None,
        peer,
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: parts.headers.clone(),
        body_bytes: body.len(),
        body: shared.options.keep_bodies.then_some(body),
        model: ask.map(|ask| ask.model.clone()).unwrap_or_default(),
        tag: ask.and_then(|ask| ask.script.tag.clone()),
        outcome: Outcome::Open,
        usage: None,
        parts: 0,
        events: 0,
    });
    let sequence = entry.sequence();
    if !uploaded {
        // The peer left while sending: the dropped entry says so, and nobody reads this answer
        drop(entry);
        return send(Arc::new(not_found(dialect, sequence)), None, sabotage, None);
    }
    if let Some(canned) = shared.dequeue() {
        pause(canned.head_delay).await;
        return send(Arc::new(canned.into_answer()), Some(entry), sabotage, None);
    }
    let answer = match &asked {
        None if parts.uri.path() == "/" => {
            Arc::new(plain_answer(StatusCode::OK, "text/plain", Part::new("scripted upstream\n")))
        }
        None => Arc::new(not_found(dialect, sequence)),
        Some(Err(error)) => {
            let message = format!("{error:#}");
            Arc::new(refuse(dialect, &Script::default(), StatusCode::BAD_REQUEST, &message, sequence))
        }
        Some(Ok(ask)) => {
            pause(ask.script.slow_head).await;
            if ask.script.has(Flag::Never) {
                std::future::pending::<()>().await;
            }
            if ask.script.has(Flag::GarbageHttp) {
                sabotage.garble();
                entry.interrupted();
            }
            match shared.refusal(ask, &parts) {
                Some((status, why)) => Arc::new(refuse(dialect, &ask.script, status, why, sequence)),
                None => Shared::cut(ask, &parts).unwrap_or_else(|| shared.render(ask)),
            }
        }
    };
    send(answer, Some(entry), sabotage, Some((dialect, sequence)))
}

/// A sleep that costs nothing when there is nothing to wait for: a timer rounds up to a millisecond.
async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn not_found(dialect: Dialect, sequence: u64) -> Answer {
    refuse(dialect, &Script::default(), StatusCode::NOT_FOUND, "Unknown request URL.", sequence)
}

fn send(
    answer: SharedAnswer,
    mut entry: Option<Entry>,
    sabotage: Sabotage,
    request: Option<(Dialect, u64)>,
) -> Response<PacedBody> {
    if let Some(entry) = &mut entry {
        entry.set_status(answer.status.as_u16());
    }
    let (status, headers) = (answer.status, answer.headers.clone());
    let mut response = Response::new(PacedBody::new(answer, entry, sabotage));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some((dialect, sequence)) = request
        && let Ok(id) = HeaderValue::from_str(&format!("req_{sequence}"))
    {
        let name = if dialect == Dialect::Anthropic { "request-id" } else { "x-request-id" };
        response.headers_mut().insert(name, id);
    }
    response
}
