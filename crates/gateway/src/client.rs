//! The pooled HTTP clients and the bodies they send.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

/// What one connection reads ahead at the most: what a client who does not read makes pile up.
const READ_AHEAD: usize = 64 << 10;
/// How long an unused connection is kept.
const POOL_IDLE: Duration = Duration::from_secs(90);

/// A request body made of slices of the client's body and of patches; cheap to clone for a retry.
#[derive(Clone, Debug)]
pub struct Pieces {
    left_over: VecDeque<Bytes>,
    left: u64,
    /// Set when a connection begins to send: from then on the provider may have seen the request.
    sent: Arc<AtomicBool>,
}

impl Pieces {
    /// A body of these pieces, in order.
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { left_over: pieces.into(), left, sent: Arc::default() }
    }

    /// Whether a connection has begun to send.
    pub fn sent(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sent)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.sent.store(true, Ordering::Relaxed);
        let piece = self.left_over.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left_over.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

pub(crate) type HttpClient = Client<Timed<HttpsConnector<HttpConnector>>, Pieces>;

/// One client, with its own pool, for each connect timeout in use.
#[derive(Debug)]
pub(crate) struct Clients(HashMap<Duration, HttpClient>);

impl Clients {
    /// Clients for these connect timeouts.
    pub(crate) fn new(connect_timeouts: impl IntoIterator<Item = Duration>) -> Self {
        let tls = tls();
        Self(connect_timeouts.into_iter().map(|timeout| (timeout, client(tls.clone(), timeout))).collect())
    }

    /// The client for a connect timeout that was announced to [`Self::new`].
    pub(crate) fn get(&self, connect_timeout: Duration) -> Option<&HttpClient> {
        self.0.get(&connect_timeout)
    }
}

fn http_connector() -> HttpConnector {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.enforce_http(false);
    http.set_keepalive(Some(Duration::from_mins(1)));
    http
}

fn client(tls: ClientConfig, connect_timeout: Duration) -> HttpClient {
    let http = http_connector();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .http1_max_buf_size(READ_AHEAD)
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .build(Timed { connector, timeout: connect_timeout })
}

/// The machine's own root certificates, else (a bare container has none) Mozilla's.
fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A connector that must be done, name look-up and TLS included, within its time.
#[derive(Clone, Debug)]
pub(crate) struct Timed<C> {
    connector: C,
    timeout: Duration,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.timeout, self.connector.call(uri));
        Box::pin(async move {
            connecting
                .await
                .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_send_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let connected = http_connector().call(uri).await.unwrap();
        assert!(connected.inner().nodelay().unwrap(), "small writes must not wait for an acknowledgement");
    }

    #[tokio::test]
    async fn a_handshake_that_stalls_is_a_connect_timeout() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let timeout = Duration::from_millis(50);
        let clients = Clients::new([timeout]);
        let uri = format!("https://{}/", listener.local_addr().unwrap());
        let request = http::Request::get(uri).body(Pieces::new(Vec::new())).unwrap();
        let error = clients.get(timeout).unwrap().request(request).await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }
}
