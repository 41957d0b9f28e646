//! The pooled HTTP clients and the bodies they send.

mod proxy;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Buf, Bytes};
use http::Uri;
use http_body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use penstock_core::ProxyUrl;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use self::proxy::Through;

/// What one connection reads ahead at the most: what a client who does not read makes pile up.
const READ_AHEAD: usize = 64 << 10;
/// How long an unused connection is kept.
const POOL_IDLE: Duration = Duration::from_secs(90);

/// A request body made of slices of the client's body and of patches; cheap to clone for a retry. It goes out
/// as one frame, so that a connection writes all of it at once.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// Taken when a connection begins to send.
    unsent: Option<Slices>,
    /// Set when a connection begins to send: from then on the provider may have seen the request.
    sent: Arc<AtomicBool>,
}

impl Pieces {
    /// A body of these pieces, in order; none of them may be empty.
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let length = pieces.iter().map(Bytes::len).sum();
        let unsent = (length > 0).then(|| Slices { length, left: pieces.into() });
        Self { unsent, sent: Arc::default() }
    }

    /// The slices that are still to be sent.
    pub fn slices(&self) -> impl Iterator<Item = &Bytes> {
        self.unsent.iter().flat_map(|slices| &slices.left)
    }

    /// Whether a connection has begun to send.
    pub fn sent(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sent)
    }
}

impl Body for Pieces {
    type Data = Slices;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Slices>, Infallible>>> {
        self.sent.store(true, Ordering::Relaxed);
        Poll::Ready(self.unsent.take().map(|slices| Ok(Frame::data(slices))))
    }

    fn is_end_stream(&self) -> bool {
        self.unsent.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent.as_ref().map_or(0, |slices| slices.length as u64))
    }
}

/// Several slices as one buffer.
#[derive(Clone, Debug)]
pub struct Slices {
    left: VecDeque<Bytes>,
    length: usize,
}

impl Buf for Slices {
    fn remaining(&self) -> usize {
        self.length
    }

    fn chunk(&self) -> &[u8] {
        self.left.front().map_or(&[], |slice| &**slice)
    }

    fn chunks_vectored<'a>(&'a self, to: &mut [IoSlice<'a>]) -> usize {
        let filled = to.iter_mut().zip(&self.left).map(|(to, slice)| *to = IoSlice::new(slice));
        filled.count()
    }

    fn advance(&mut self, mut count: usize) {
        self.length -= count;
        while let Some(front) = self.left.front_mut().filter(|_| count > 0) {
            let step = count.min(front.len());
            front.advance(step);
            count -= step;
            if front.is_empty() {
                self.left.pop_front();
            }
        }
    }
}

type HttpClient<C> = Client<Timed<HttpsConnector<C>>, Pieces>;

/// What connections are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// Until a connection stands.
    pub(crate) connect_timeout: Duration,
    /// The proxy it goes through, if any.
    pub(crate) proxy: Option<Arc<ProxyUrl>>,
}

/// One client, with its own pool, for each way that is or was in use: requests may still be on their way with one
/// that no configuration names any more. What goes through one proxy never shares a connection with the rest.
#[derive(Debug)]
pub(crate) struct Clients {
    tls: ClientConfig,
    pools: ArcSwap<Pools>,
}

#[derive(Clone, Debug, Default)]
struct Pools {
    direct: HashMap<Duration, HttpClient<HttpConnector>>,
    /// A handful.
    proxied: Vec<(Duration, Arc<ProxyUrl>, HttpClient<Through>)>,
}

impl Pools {
    fn through(&self, timeout: Duration, proxy: &Arc<ProxyUrl>) -> Option<&HttpClient<Through>> {
        let is_it = |known: &Arc<ProxyUrl>| Arc::ptr_eq(known, proxy) || known == proxy;
        let found = self.proxied.iter().find(|(known, through, _)| *known == timeout && is_it(through));
        found.map(|(_, _, client)| client)
    }

    fn add(&mut self, Way { connect_timeout, proxy }: Way, tls: &ClientConfig) {
        match proxy {
            None if !self.direct.contains_key(&connect_timeout) => {
                let client = client(tls, http_connector(), connect_timeout);
                self.direct.insert(connect_timeout, client);
            }
            Some(proxy) if self.through(connect_timeout, &proxy).is_none() => {
                let connector = secured(tls, http_connector());
                if let Some(through) = Through::new(Arc::clone(&proxy), connector) {
                    self.proxied.push((connect_timeout, proxy, client(tls, through, connect_timeout)));
                }
            }
            _ => {}
        }
    }
}

impl Clients {
    /// Clients for these ways.
    pub(crate) fn new(ways: impl IntoIterator<Item = Way>) -> Self {
        let clients = Self { tls: tls(), pools: ArcSwap::default() };
        clients.cover(ways);
        clients
    }

    /// Adds clients for what is new among these.
    pub(crate) fn cover(&self, ways: impl IntoIterator<Item = Way>) {
        let ways: Vec<_> = ways.into_iter().collect();
        self.pools.rcu(|known| {
            let mut pools = Pools::clone(known);
            for way in &ways {
                pools.add(way.clone(), &self.tls);
            }
            pools
        });
    }

    /// The answer to a request, on a way that was announced before.
    pub(crate) fn request(
        &self,
        connect_timeout: Duration,
        proxy: Option<&Arc<ProxyUrl>>,
        request: http::Request<Pieces>,
    ) -> Option<ResponseFuture> {
        let pools = self.pools.load();
        Some(match proxy {
            None => pools.direct.get(&connect_timeout)?.request(request),
            Some(proxy) => pools.through(connect_timeout, proxy)?.request(request),
        })
    }
}

fn http_connector() -> HttpConnector {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.enforce_http(false);
    http.set_keepalive(Some(Duration::from_mins(1)));
    http
}

/// TLS where the address wants it.
fn secured<C>(tls: &ClientConfig, connector: C) -> HttpsConnector<C> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
    builder.enable_http1().wrap_connector(connector)
}

fn client<C>(tls: &ClientConfig, connector: C, connect_timeout: Duration) -> HttpClient<C>
where
    Timed<HttpsConnector<C>>: Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .http1_max_buf_size(READ_AHEAD)
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .build(Timed { connector: secured(tls, connector), timeout: connect_timeout })
}

/// TLS with the machine's own root certificates, else (a bare container has none) with Mozilla's.
///
/// # Panics
///
/// If the provider of cryptography that is built in does not support the versions of TLS that are.
pub fn tls() -> ClientConfig {
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
        let clients = Clients::new([Way { connect_timeout: timeout, proxy: None }]);
        let uri = format!("https://{}/", listener.local_addr().unwrap());
        let request = http::Request::get(uri).body(Pieces::new(Vec::new())).unwrap();
        let error = clients.request(timeout, None, request).unwrap().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    }

    #[test]
    fn slices_are_one_buffer() {
        let pieces = [&b"abc"[..], b"d", b"efg"].map(Bytes::from_static);
        for taken in 0..=7 {
            let mut slices = Pieces::new(pieces.to_vec()).unsent.unwrap();
            slices.advance(taken);
            let mut shown = [IoSlice::new(&[]); 3];
            let count = slices.chunks_vectored(&mut shown);
            let shown: Vec<_> = shown[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(shown, b"abcdefg"[taken..], "{taken} taken");
            assert_eq!(slices.remaining(), 7 - taken);
            assert_eq!(slices.copy_to_bytes(7 - taken), b"abcdefg"[taken..]);
        }
    }
}
