//! What is asked of an HTTP client. The store knows no other way out, so that it runs as well where there are no
//! sockets but a function that fetches.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use penstock_core::Secret;

/// Calls one server.
#[async_trait]
pub(crate) trait HttpClient: Debug + Send + Sync + 'static {
    /// Posts JSON to a path of the server, such as `/v3/pipeline`, with the token as a bearer's, and reads the
    /// whole answer. It ends within a bounded time, and follows no redirect: the token is for this server only.
    async fn post(
        &self,
        path: &str,
        token: Option<&Secret<String>>,
        body: String,
    ) -> Result<HttpAnswer, HttpError>;
}

/// An answer, of whatever status.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("it cannot be connected to: {0}")]
    Unreachable(String),
    #[error("it did not answer within {} s, so that what was asked may have been done", .0.as_secs())]
    Late(Duration),
    #[error("the connection was lost before it had answered, so that what was asked may have been done: {0}")]
    Lost(String),
    #[error("its answer is larger than {} MiB", .0 >> 20)]
    TooLarge(usize),
}
