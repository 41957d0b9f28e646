//! Who asks, found as AWS's own tools find it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

/// Looking for a login asks the network in the end, and a request waits for it.
const WITHIN: Duration = Duration::from_secs(5);
/// Logins that end are asked for anew so long before.
const AHEAD: Duration = Duration::from_mins(5);
/// One that does not end is looked up so often: a file with a new one is noticed.
const KEEP: Duration = Duration::from_mins(5);

/// Environment, profiles, web identity, role of the container or instance, in this order.
pub(super) struct Chain {
    provider: Option<SharedCredentialsProvider>,
    found: Mutex<Option<Found>>,
}

struct Found {
    login: Arc<AwsCredential>,
    until: Instant,
}

impl Chain {
    /// The chain as this process's environment sets it.
    pub(super) async fn new(region: &str) -> Arc<Self> {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let client = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
        let loader = aws_config::defaults(BehaviorVersion::latest());
        let loader = loader.region(Region::new(region.to_owned())).http_client(client);
        Arc::new(Self { provider: loader.load().await.credentials_provider(), found: Mutex::default() })
    }

    async fn find(&self) -> Result<Credentials, CredentialsError> {
        let Some(provider) = &self.provider else {
            return Err(CredentialsError::not_loaded("no provider is set up"));
        };
        let found = tokio::time::timeout(WITHIN, provider.provide_credentials()).await;
        found.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(WITHIN)))
    }
}

/// No driver's type shows what it found.
impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        // held while it is looked for: many requests may need a new one at once
        let mut found = self.found.lock().await;
        if let Some(found) = found.as_ref().filter(|found| Instant::now() < found.until) {
            return Ok(Arc::clone(&found.login));
        }
        let credentials = self.find().await.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: Box::new(NoLogin(error)),
        })?;
        let login = Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        });
        *found = Some(Found { login: Arc::clone(&login), until: Instant::now() + keep(&credentials) });
        Ok(login)
    }
}

/// How long a login is used without asking again.
fn keep(credentials: &Credentials) -> Duration {
    let Some(end) = credentials.expiry() else { return KEEP };
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    // one that ends soon is used for half of what is left: a role may have no other
    left.checked_sub(AHEAD).unwrap_or(left / 2)
}

/// There is no login, or it could not be asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoLogin(#[source] pub(super) CredentialsError);
