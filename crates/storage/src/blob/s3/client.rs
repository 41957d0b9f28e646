//! The HTTP client of the service.

use std::sync::Arc;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The longest silence while an answer is waited for or read.
const SILENCE: Duration = Duration::from_secs(10);

/// Makes clients with the one implementation of TLS that the gateway has.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::config())
            .dns_resolver(Arc::new(Localhost))
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(SILENCE)
            // a signed request is for the host it was signed for
            .redirect(reqwest::redirect::Policy::none())
            .build();
        match client {
            Ok(client) => Ok(HttpClient::new(client)),
            Err(error) => Err(object_store::Error::Generic { store: "S3", source: error.into() }),
        }
    }
}

/// Names as the system knows them, and those below `localhost` as this machine, as RFC 6761 has it: a service
/// on it may have its buckets there.
#[derive(Debug)]
struct Localhost;

impl Resolve for Localhost {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_ascii_lowercase();
        let name = if name.ends_with(".localhost") { "localhost".to_owned() } else { name };
        Box::pin(async move {
            // the port is that of the request
            let found: Vec<_> = tokio::net::lookup_host((name, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
