//! The floor that the gateway is measured against: a reverse proxy of the same parts (hyper's HTTP/1
//! server, the pooled client of `hyper-util`) that does nothing but forward.
//!
//! Bodies stream both ways, headers pass as they are. It must stay as fast as these parts allow: each
//! microsecond too many here would flatter the gateway.

use std::io;

use anyhow::Result;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

type Upstream = Client<HttpConnector, Incoming>;

/// Forwards everything that arrives at `listener` to `upstream`; returns only with an error.
pub async fn serve(listener: TcpListener, upstream: Authority) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(connection(socket, client.clone(), upstream.clone()));
    }
}

async fn connection(socket: TcpStream, client: Upstream, upstream: Authority) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let service = service_fn(move |request| forward(client.clone(), upstream.clone(), request));
    let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
    served.map_err(io::Error::other)
}

async fn forward(
    client: Upstream,
    upstream: Authority,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Error> {
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(upstream);
    // a URI of all three parts is always one; what it cannot be is then refused by the client
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    client.request(request).await
}
