//! Accepts connections, and ends them in an orderly way.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower_service::Service;

use crate::repolled::repolled;
use crate::stall::Stalling;
use crate::{Server, inference};

tokio::task_local! {
    /// Who is at the other end of the connection whose task this is; in the request it would cost two allocations.
    static PEER: SocketAddr;
}

/// The address at the other end of the connection over which the request came that is being answered.
pub(crate) fn peer() -> Option<IpAddr> {
    PEER.try_with(|peer| peer.ip().to_canonical()).ok()
}

/// What one connection holds of a request's head, and of an answer that its client does not read; also what is
/// read at once of a body, so that a coding agent's turn comes in one piece and need not be put together.
const BUFFER: usize = 512 << 10;
/// After a failed `accept`, such as one for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long streams that were told to end may take for it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often, and how often in a row, to look whether requests are open.
const LOOK: Duration = Duration::from_millis(50);
const QUIET_LOOKS: u32 = 6;

/// How connections are treated.
#[derive(Clone, Copy, Debug)]
pub struct ListenOptions {
    /// A request's head must be there by then; also how long an idle connection stays open.
    pub head_timeout: Duration,
    /// A client that reads nothing for so long is given up.
    pub write_stall: Duration,
    /// After a stop signal, how long open answers may go on.
    pub drain: Duration,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(75),
            write_stall: Duration::from_mins(5),
            drain: Duration::from_secs(30),
        }
    }
}

/// Serves until `stop` is ready, then lets open answers finish within the deadline, and ends those that
/// do not, each with an error in its dialect.
pub async fn serve(
    server: Server,
    listener: TcpListener,
    options: ListenOptions,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted.and_then(ready) {
            Ok((socket, peer)) => {
                let connection = graceful.watch(connection(&server, socket, options));
                connections.spawn(repolled(PEER.scope(peer, async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                })));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    finish(&server, graceful, options.drain).await;
    // what is left is idle, or was told to end and did not; with it go its handles on the gateway
    connections.shutdown().await;
}

/// Answers go out in small writes, each of which must leave at once.
fn ready((socket, peer): (TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    socket.set_nodelay(true)?;
    Ok((socket, peer))
}

fn connection(
    server: &Server,
    socket: TcpStream,
    options: ListenOptions,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + 'static {
    let server = server.clone();
    let service = service_fn(move |request: Request<Incoming>| answer(server.clone(), request));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(BUFFER)
        .header_read_timeout(options.head_timeout)
        .serve_connection(TokioIo::new(Stalling::new(socket, options.write_stall)), service)
}

/// Calls of models go straight to their handler, everything else through the router; with pages of other origins all
/// do, since what browsers are told is laid around the handlers there.
async fn answer(server: Server, request: Request<Incoming>) -> Result<Response, Infallible> {
    let Server { state, mut router } = server;
    let request = request.map(Body::new);
    if state.parts.cors.is_none()
        && let Some(asked) = inference::asked(request.method(), request.uri().path())
    {
        // in a box, since a connection keeps as much room as its largest answer needs
        return Ok(Box::pin(inference::handle(state, asked, None, None, request)).await);
    }
    router.call(request).await
}

async fn finish(server: &Server, graceful: GracefulShutdown, drain: Duration) {
    server.state.stopping.store(true, Ordering::Relaxed);
    tracing::info!(open = open(server), seconds = drain.as_secs(), "stopping: open requests may finish");
    let finished = graceful.shutdown();
    tokio::pin!(finished);
    let drained = async {
        tokio::select! {
            () = &mut finished => {}
            () = idle(server) => {}
        }
    };
    if tokio::time::timeout(drain, drained).await.is_ok() {
        return;
    }
    tracing::warn!(open = open(server), "ending requests that did not finish in time");
    server.state.parts.gateway.end_streams();
    drop(tokio::time::timeout(LAST_WORDS, finished).await);
}

/// Ready when no request has been open for a moment, whatever half-sent heads there may be.
async fn idle(server: &Server) {
    let mut quiet = 0;
    while quiet < QUIET_LOOKS {
        tokio::time::sleep(LOOK).await;
        quiet = if open(server) == 0 { quiet + 1 } else { 0 };
    }
}

/// Requests under way, those of the admin API among them.
fn open(server: &Server) -> usize {
    let state = &server.state;
    state.in_flight.load(Ordering::Relaxed) + state.admin_in_flight.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_sockets_send_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.and_then(ready).unwrap();
        assert!(socket.nodelay().unwrap(), "small writes must not wait for an acknowledgement");
        drop(client);
    }
}
