//! Upstash Redis over its REST API: a command is a JSON array, sent to the database's URL by POST, with
//! its token.
//!
//! The answer is `{"result": …}`, or `{"error": "…"}` with 400; 401 says that the token is not accepted
//! (<https://upstash.com/docs/redis/features/restapi>).

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use penstock_core::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::commands::{Command, Reply, Server, refused};
use crate::{ErrorKind, Result, Retry, StorageError};

const BACKEND: &str = "upstash";
/// A server that cannot be reached in this time is down.
const CONNECT: Duration = Duration::from_secs(2);
/// A server that does not answer in this time hangs. Longer than over TCP: it may be far away.
const ANSWER: Duration = Duration::from_secs(5);
/// Requests at once. Each has a connection of its own, and more would only wait at the other end.
const AT_ONCE: usize = 128;

/// A database at Upstash.
pub struct UpstashKv {
    client: Client,
    url: Url,
    prefix: String,
    places: Semaphore,
}

impl UpstashKv {
    /// The database at `url`, which accepts `token`, with `prefix` before each key. Nothing is sent yet.
    pub fn open(url: &str, token: &Secret<String>, prefix: &str) -> Result<Self> {
        let invalid = |message: &str| StorageError::new(ErrorKind::Invalid, BACKEND, "kv.open", message);
        let url = match Url::parse(url) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => url,
            _ => return Err(invalid("expected a URL such as https://name-12345.upstash.io")),
        };
        // the one place where the token is taken out: into a header marked sensitive
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose().trim()))
            .map_err(|_| invalid("expected a token of visible ASCII, found something else in it"))?;
        authorization.set_sensitive(true);
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization), (CONTENT_TYPE, json)]);
        let client = Client::builder()
            .tls_backend_preconfigured(crate::tls::config())
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // a token is for this host only
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| invalid("no HTTP client can be made").with_source(error))?;
        Ok(Self { client, url, prefix: prefix.to_owned(), places: Semaphore::new(AT_ONCE) })
    }
}

impl fmt::Debug for UpstashKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstashKv").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// The body of every answer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Refused { error: String },
    Done { result: Outcome },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Outcome {
    Nothing(()),
    Number(i64),
    Text(String),
}

#[async_trait]
impl Server for UpstashKv {
    fn name(&self) -> &'static str {
        BACKEND
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    async fn send(&self, command: Command<'_>) -> Result<Reply> {
        let Command { operation, may_repeat, words } = command;
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let body = serde_json::to_vec(&words).expect("texts are JSON");
        let unreachable = |error: reqwest::Error| {
            let retry = if may_repeat || error.is_connect() { Retry::Later } else { Retry::Unknown };
            StorageError::new(ErrorKind::Unavailable, BACKEND, operation, "the server cannot be reached")
                .with_retry(retry)
                .with_source(error.without_url())
        };
        let answer = self.client.post(self.url.clone()).body(body).send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        read(operation, status, &body)
    }
}

fn read(operation: &'static str, status: StatusCode, body: &[u8]) -> Result<Reply> {
    match serde_json::from_slice(body) {
        Ok(Answer::Done { result }) if status.is_success() => Ok(match result {
            Outcome::Nothing(()) => Reply::Nothing,
            Outcome::Number(number) => Reply::Number(number),
            Outcome::Text(text) => Reply::Text(text),
        }),
        Ok(Answer::Refused { error }) if status.is_success() || status == StatusCode::BAD_REQUEST => {
            Err(refused(BACKEND, operation, &error))
        }
        _ => {
            let kind = match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
                StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::Unsupported,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => ErrorKind::Unavailable,
                status if status.is_server_error() => ErrorKind::Unavailable,
                _ => ErrorKind::Internal,
            };
            let message = format!("expected an answer as JSON, found status {}", status.as_u16());
            Err(StorageError::new(kind, BACKEND, operation, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> std::result::Result<Reply, ErrorKind> {
        let status = StatusCode::from_u16(status).unwrap();
        super::read("kv.get", status, body.as_bytes()).map_err(|error| error.kind)
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(read(200, r#"{"result":null}"#), Ok(Reply::Nothing));
        assert_eq!(read(200, r#"{"result":"1"}"#), Ok(Reply::Text("1".to_owned())));
        assert_eq!(read(200, r#"{"result":-9223372036854775808}"#), Ok(Reply::Number(i64::MIN)));
        assert_eq!(read(400, r#"{"error":"WRONGTYPE Operation"}"#), Err(ErrorKind::Conflict));
        assert_eq!(read(401, r#"{"error":"Unauthorized"}"#), Err(ErrorKind::Denied));
        assert_eq!(read(429, "slow down"), Err(ErrorKind::Unavailable));
        assert_eq!(read(502, "<html>"), Err(ErrorKind::Unavailable));
        assert_eq!(read(413, ""), Err(ErrorKind::Unsupported));
        assert_eq!(read(200, "<html>"), Err(ErrorKind::Internal));
        assert_eq!(read(200, "{}"), Err(ErrorKind::Internal), "no result is not a result of nothing");
    }

    #[test]
    fn neither_a_bad_token_nor_a_good_one_is_shown() {
        let open = |url, token: &str| UpstashKv::open(url, &Secret::new(token.to_owned()), "");
        let error = open("https://a.upstash.io", "se\ncret").unwrap_err().to_string();
        assert!(error.contains("token") && !error.contains("cret"), "{error}");
        assert!(!format!("{:?}", open("https://a.upstash.io", "secret").unwrap()).contains("secret"));
        for url in ["", "a.upstash.io", "redis://a", "https://"] {
            assert_eq!(open(url, "secret").unwrap_err().kind, ErrorKind::Invalid, "{url}");
        }
    }
}
