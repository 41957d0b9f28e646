//! `fetch`: to hosts that the operator has listed, and to no others.
//!
//! A redirect is followed only to such a host. A name that leads to an address of this machine or its network is
//! refused unless the address is listed too, so that nobody gets there by an entry in a DNS of their own.

mod allowed;
mod resolve;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::Arguments;
use crate::engine::{Failure, Value};
use crate::host::ThreadHost;
use crate::options::FetchOptions;
use allowed::Allowed;
use resolve::Resolver;

/// Redirects, as browsers have it.
const REDIRECTS: usize = 20;

/// Time to connect; what there is of a host that does not answer must not use up the whole time.
const CONNECT: Duration = Duration::from_secs(5);

/// Asks hosts.
#[derive(Debug)]
pub(crate) struct Fetcher {
    allowed: Arc<Allowed>,
    options: FetchOptions,
    client: OnceLock<Result<Client, String>>,
}

/// What a script asks for.
#[derive(Deserialize)]
struct Asked {
    url: String,
    method: String,
    redirect: String,
    headers: Vec<(String, String)>,
}

/// What is sent.
#[derive(Clone)]
struct Message {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
}

pub(super) fn call(host: &ThreadHost, mut arguments: Arguments<'_>) -> Result<Value, Failure> {
    let (number, asked) = (arguments.number()?, arguments.text()?);
    let body = arguments.optional_bytes()?.map(|bytes| Bytes::from(bytes.into_owned()));
    let asked: Asked =
        serde_json::from_str(&asked).map_err(|error| Failure::of_type(format!("fetch: {error}")))?;
    let fetcher = host.fetcher();
    let message = asked.message(body)?;
    host.ask(
        number,
        Box::pin(async move {
            let timeout = fetcher.options.timeout;
            match tokio::time::timeout(timeout, fetcher.fetch(message, &asked.redirect)).await {
                Ok(answer) => answer.map_err(|problem| failed(&asked.url, &problem)),
                Err(_) => Err(failed(&asked.url, &format!("no answer within {} s", timeout.as_secs_f64()))),
            }
        }),
    )
}

/// An address is shown without what may be secret in it.
fn failed(address: &str, problem: &str) -> Failure {
    let shown = Url::parse(address).map(|url| url.origin().ascii_serialization());
    Failure::of_type(format!("fetch {}: {problem}", shown.unwrap_or_default()))
}

impl Asked {
    fn message(&self, body: Option<Bytes>) -> Result<Message, Failure> {
        let wrong = |what: &str| Failure::of_type(format!("fetch: expected {what}"));
        let url =
            Url::parse(&self.url).map_err(|_| wrong("a whole address such as https://example.com/path"))?;
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|_| wrong("a method such as GET"))?;
        if body.is_some() && matches!(method, Method::GET | Method::HEAD) {
            return Err(wrong("no body with GET or HEAD"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("names of headers"))?;
            let value =
                HeaderValue::from_str(value).map_err(|_| wrong("values of headers without line breaks"))?;
            // these follow from the address and the body
            if ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
                headers.append(name, value);
            }
        }
        Ok(Message { url, method, headers, body })
    }
}

impl Fetcher {
    pub(crate) fn new(options: FetchOptions) -> Self {
        let allowed = Arc::new(Allowed::new(&options.hosts));
        Self { allowed, options, client: OnceLock::new() }
    }

    async fn fetch(&self, mut message: Message, redirect: &str) -> Result<Value, String> {
        let client = self.client.get_or_init(|| client(&self.allowed)).as_ref().map_err(Clone::clone)?;
        for hop in 0..=REDIRECTS {
            self.allowed.check(&message.url)?;
            let answer = send(client, &message).await?;
            let to = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection());
            match to.and_then(|to| to.to_str().ok()).map(str::to_owned) {
                Some(to) if redirect == "follow" => message = message.redirected(answer.status(), &to)?,
                Some(_) if redirect == "error" => {
                    return Err("it was redirected, which was not wanted".to_owned());
                }
                _ => return self.read(answer, &message.url, hop > 0).await,
            }
        }
        Err(format!("it was redirected more than {REDIRECTS} times"))
    }

    /// The head as JSON with its length before it, and then the body.
    async fn read(&self, mut answer: Response, url: &Url, redirected: bool) -> Result<Value, String> {
        let text =
            |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
        let headers: Vec<_> =
            answer.headers().iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        let head = json!({
            "status": answer.status().as_u16(),
            "statusText": answer.status().canonical_reason().unwrap_or_default(),
            "url": url.as_str(),
            "redirected": redirected,
            "headers": headers,
        });
        let head = head.to_string();
        let length = u32::try_from(head.len()).map_err(|_| "its headers are too long".to_owned())?;
        let mut whole = length.to_be_bytes().to_vec();
        whole.extend_from_slice(head.as_bytes());
        let limit = whole.len() + self.options.limit;
        while let Some(piece) = answer.chunk().await.map_err(words)? {
            if whole.len() + piece.len() > limit {
                return Err(format!("its answer is larger than {} bytes", self.options.limit));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Value::Bytes(whole))
    }
}

async fn send(client: &Client, message: &Message) -> Result<Response, String> {
    let mut request =
        client.request(message.method.clone(), message.url.clone()).headers(message.headers.clone());
    if let Some(body) = &message.body {
        request = request.body(body.clone());
    }
    request.send().await.map_err(words)
}

impl Message {
    /// What is sent on to where an answer points.
    fn redirected(mut self, status: StatusCode, to: &str) -> Result<Self, String> {
        let url = self.url.join(to).map_err(|_| "it was redirected to no address".to_owned())?;
        let becomes_get = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            _ => false,
        };
        if becomes_get {
            (self.method, self.body) = (Method::GET, None);
            self.headers.remove(CONTENT_TYPE);
        }
        if url.origin() != self.url.origin() {
            // they were meant for the other host
            for name in [AUTHORIZATION, COOKIE, HeaderName::from_static("x-api-key")] {
                self.headers.remove(name);
            }
        }
        Ok(Self { url, ..self })
    }
}

fn client(allowed: &Arc<Allowed>) -> Result<Client, String> {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .dns_resolver(Resolver::new(Arc::clone(allowed)))
        .tls_backend_preconfigured(crate::tls::settings()?)
        .build()
        .map_err(|error| format!("cannot be had: {error}"))
}

/// What went wrong, without the address.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
