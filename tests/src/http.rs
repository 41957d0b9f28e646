//! A client that sends exactly the bytes it is given and shows exactly the bytes it gets.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Nothing in a test takes this long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as it came.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {:?}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// `POST url`, with a JSON body as it stands.
pub fn post(url: impl Into<String>, body: impl Into<Bytes>) -> Call {
    let headers = vec![(CONTENT_TYPE.to_string(), "application/json".to_owned())];
    Call { method: Method::POST, url: url.into(), headers, body: body.into() }
}

/// `GET url`
pub fn get(url: impl Into<String>) -> Call {
    Call { method: Method::GET, url: url.into(), headers: Vec::new(), body: Bytes::new() }
}

impl Call {
    /// Says of which type the body is.
    #[must_use]
    pub fn content_type(mut self, kind: &str) -> Self {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
        self.header(CONTENT_TYPE.as_str(), kind)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `authorization: Bearer key`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Uses another method.
    #[must_use]
    pub fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// Sends it on a connection of its own and returns when the head of the answer is there. Dropping
    /// the response closes the connection.
    pub async fn open(self) -> Result<Response<Incoming>> {
        let (authority, path) = split(&self.url)?;
        let socket =
            TcpStream::connect(authority).await.with_context(|| format!("connecting to {authority}"))?;
        socket.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(self.method).uri(path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(HOST, authority);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(sender.send_request(request.body(Full::new(self.body))?).await?)
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Result<Answer> {
        let url = self.url.clone();
        let whole = async {
            let (head, body) = self.open().await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(PATIENCE, whole).await.with_context(|| format!("no whole answer from {url}"))?
    }
}

fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.strip_prefix("http://").with_context(|| format!("not an http URL: {url}"))?;
    Ok(rest.find('/').map_or((rest, "/"), |at| rest.split_at(at)))
}

/// Everything that still arrives on an open answer, and whether it ended properly.
pub async fn read_on(body: &mut Incoming) -> (Bytes, bool) {
    let mut read = bytes::BytesMut::new();
    loop {
        match tokio::time::timeout(PATIENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => read.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Ok(None) => return (read.freeze(), true),
            Ok(Some(Err(_))) | Err(_) => return (read.freeze(), false),
        }
    }
}

/// The next piece of an open answer.
pub async fn read_frame(body: &mut Incoming) -> Result<Bytes> {
    let frame = tokio::time::timeout(PATIENCE, body.frame()).await.context("nothing arrived")?;
    let frame = frame.context("the answer ended")??;
    frame.into_data().map_err(|_| anyhow::anyhow!("expected data, found trailers"))
}
