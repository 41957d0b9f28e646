//! Accepts connections, and ends them in an orderly way.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

use crate::Server;
use crate::stall::Stalling;

/// After a failed `accept`, such as one for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long streams that were told to end may take for it.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted.and_then(ready) {
            Ok((socket, _)) => {
                let connection = connection(&server, socket, options);
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    finish(&server, graceful, options.drain).await;
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
    let router = server.router.clone();
    let service = service_fn(move |request: Request<Incoming>| router.clone().call(request.map(Body::new)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_timeout)
        .serve_connection(TokioIo::new(Stalling::new(socket, options.write_stall)), service)
}

async fn finish(server: &Server, graceful: GracefulShutdown, drain: Duration) {
    server.state.stopping.store(true, Ordering::Relaxed);
    let open = server.state.in_flight.load(Ordering::Relaxed);
    tracing::info!(open, seconds = drain.as_secs(), "stopping: open requests may finish");
    let finished = graceful.shutdown();
    tokio::pin!(finished);
    if tokio::time::timeout(drain, &mut finished).await.is_ok() {
        return;
    }
    let open = server.state.in_flight.load(Ordering::Relaxed);
    tracing::warn!(open, "ending requests that did not finish in time");
    server.state.parts.gateway.end_streams();
    drop(tokio::time::timeout(LAST_WORDS, finished).await);
}
