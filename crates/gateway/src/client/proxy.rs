//! Connections to providers through a proxy.
//!
//! What goes through a proxy never goes around it: where it cannot be reached, or refuses, the provider counts as
//! unreachable. TLS with the provider is inside the tunnel, so that the proxy sees a host, a port and bytes.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri, uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use penstock_core::{ProxyLogin, ProxyScheme, ProxyUrl, Secret};
use tokio::net::TcpStream;
use tower_service::Service;

use super::BoxError;

/// A connection to a proxy, with TLS if the proxy wants it.
type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Why there is no way through a proxy. The message goes to clients too: where the proxy is stays its operator's
/// business.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    /// No connection to it.
    #[error("its proxy cannot be reached: {0}")]
    Unreachable(String),
    /// It answered, and not with a way to the provider.
    #[error("its proxy gives no way to it: {0}")]
    Refused(String),
}

/// A connector that has a proxy make the connection.
#[derive(Clone, Debug)]
pub(crate) struct Through {
    proxy: Arc<ProxyUrl>,
    /// Where the proxy is, without the login.
    address: Uri,
    connector: HttpsConnector<HttpConnector>,
}

impl Through {
    /// Through that proxy, which `connector` connects to; `None` if its address makes no URL.
    pub(crate) fn new(proxy: Arc<ProxyUrl>, connector: HttpsConnector<HttpConnector>) -> Option<Self> {
        let scheme = match proxy.scheme() {
            ProxyScheme::Http | ProxyScheme::Socks5 => uri::Scheme::HTTP,
            ProxyScheme::Https => uri::Scheme::HTTPS,
        };
        let address = Uri::builder().scheme(scheme).authority(proxy.authority()).path_and_query("/").build();
        Some(Self { proxy, address: address.ok()?, connector })
    }
}

impl Service<Uri> for Through {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, provider: Uri) -> Self::Future {
        let connecting = self.connector.call(self.address.clone());
        let (proxy, address) = (Arc::clone(&self.proxy), self.address.clone());
        Box::pin(async move {
            let provider = with_port(provider)?;
            // before the handshake, so that it is told apart why there is no way
            let connected =
                connecting.await.map_err(|error| ProxyError::Unreachable(cause(error.as_ref())))?;
            let connected = Connected(Some(connected));
            Ok(match proxy.scheme() {
                ProxyScheme::Http | ProxyScheme::Https => {
                    let tunnel = Tunnel::new(address, connected);
                    let mut tunnel = match proxy.login() {
                        Some(login) => tunnel.with_auth(basic(login)?),
                        None => tunnel,
                    };
                    tunnel.call(provider).await.map_err(|error| refused(&error, "tunnel error: "))?
                }
                ProxyScheme::Socks5 => {
                    let socks = SocksV5::new(address, connected);
                    let mut socks = match proxy.login() {
                        // the one place where it is taken out: into the handshake
                        Some(ProxyLogin { name, password }) => {
                            socks.with_auth(name.expose().clone(), password.expose().clone())
                        }
                        None => socks,
                    };
                    socks.call(provider).await.map_err(|error| refused(&error, "SOCKS error: "))?
                }
            })
        })
    }
}

/// The login as a proxy of HTTP takes it.
fn basic(ProxyLogin { name, password }: &ProxyLogin) -> Result<HeaderValue, BoxError> {
    // the one place where it is taken out: into a header that is marked sensitive
    let pair = Secret::from(format!("{}:{}", name.expose(), password.expose()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair.expose())))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The provider's address with the port of its scheme, which a proxy has to be told.
fn with_port(provider: Uri) -> Result<Uri, BoxError> {
    if provider.port_u16().is_some() {
        return Ok(provider);
    }
    let mut parts = provider.into_parts();
    let port = if parts.scheme == Some(uri::Scheme::HTTP) { 80 } else { 443 };
    let host = parts.authority.as_ref().map_or("", |authority| authority.host());
    parts.authority = Some(format!("{host}:{port}").parse()?);
    Ok(Uri::from_parts(parts)?)
}

/// What a handshake ended with, without the words its library begins with.
fn refused(error: &(dyn std::error::Error + 'static), begins: &str) -> ProxyError {
    let cause = cause(error);
    ProxyError::Refused(cause.strip_prefix(begins).unwrap_or(&cause).to_owned())
}

/// The cause of all that went wrong.
fn cause(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(next) = error.source() {
        error = next;
    }
    error.to_string()
}

/// Hands out the connection that is there already.
struct Connected(Option<Connection>);

impl Service<Uri> for Connected {
    type Response = Connection;
    type Error = Gone;
    type Future = Ready<Result<Connection, Gone>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or(Gone))
    }
}

/// A connection was asked for twice.
#[derive(Debug, thiserror::Error)]
#[error("the connection is in use")]
struct Gone;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_told_the_port() {
        for (given, told) in [
            ("https://api.example", "api.example:443"),
            ("http://api.example", "api.example:80"),
            ("http://api.example:8080", "api.example:8080"),
            ("https://[::1]", "[::1]:443"),
        ] {
            let uri = with_port(given.parse().unwrap()).unwrap();
            assert_eq!(uri.authority().unwrap().as_str(), told, "{given}");
        }
    }
}
