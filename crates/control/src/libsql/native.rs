//! The HTTP client of a process that has sockets.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use penstock_core::Secret;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};

use super::http::{HttpAnswer, HttpClient, HttpError};

/// Connecting may take so long.
const CONNECT: Duration = Duration::from_secs(5);
/// A call may take so long: the server itself lets a transaction wait 5 s for each that is before it.
const ANSWER: Duration = Duration::from_secs(30);
/// Larger answers are none of libSQL's; all records of a large gateway are a few hundred MiB.
const LARGEST: usize = 1 << 30;

/// See the module.
pub(super) struct NativeClient {
    /// Without a slash at its end.
    url: String,
    patience: Duration,
    client: OnceLock<Client>,
}

impl fmt::Debug for NativeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeClient").field("url", &self.url).finish_non_exhaustive()
    }
}

impl NativeClient {
    /// Calls the server at `url`.
    pub(super) fn new(url: &str) -> Self {
        Self::patient(url, ANSWER)
    }

    /// The same, with another time that a call may take.
    pub(super) fn patient(url: &str, patience: Duration) -> Self {
        Self { url: url.to_owned(), patience, client: OnceLock::new() }
    }

    /// The client; the root certificates are read when it is first needed.
    fn client(&self) -> Result<&Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls(self.url.starts_with("https:")))
            .connect_timeout(CONNECT)
            .timeout(self.patience)
            .redirect(Policy::none())
            .build()
            .map_err(|error| HttpError::Unreachable(cause(&error)))?;
        Ok(self.client.get_or_init(|| client))
    }
}

#[async_trait]
impl HttpClient for NativeClient {
    async fn post(
        &self,
        path: &str,
        token: Option<&Secret<String>>,
        body: String,
    ) -> Result<HttpAnswer, HttpError> {
        let url = format!("{}{path}", self.url);
        let mut request = self.client()?.post(url).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(token) = token {
            // the one place where the token is taken out: into a header marked sensitive
            request = request.bearer_auth(token.expose());
        }
        let failure = |error: reqwest::Error| {
            if error.is_connect() || error.is_builder() {
                HttpError::Unreachable(cause(&error))
            } else if error.is_timeout() {
                HttpError::Late(self.patience)
            } else {
                HttpError::Lost(cause(&error))
            }
        };
        let mut answer = request.send().await.map_err(failure)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failure)? {
            if body.len() + piece.len() > LARGEST {
                return Err(HttpError::TooLarge(LARGEST));
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpAnswer { status, body })
    }
}

/// What is at the bottom of it; what stands above says only where it came through.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// With the machine's own root certificates, else (a bare container has none) Mozilla's.
fn tls(needed: bool) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if needed {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
