//! The upstream request: URL, headers with the right key, the body with its patches.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use penstock_core::{Clock, Dialect};
use penstock_dialects::ask_for_usage;
use penstock_dialects::patch::{Patch, apply, json_string};
use penstock_providers::Catalogue;

use crate::choose::Candidate;
use crate::client::Pieces;
use crate::exchange::Exchange;
use crate::plan::Plan;
use crate::translate::{OnLoss, Translated, Translation, translate};
use crate::{Caller, GatewayError};

/// Whether a header of the client ends here: it speaks of this hop, holds the key, or is ours. An
/// answer that is compressed could not be observed, so `accept-encoding` ends here as well.
pub(crate) fn ends_here(name: &HeaderName) -> bool {
    let ours = ["x-penstock-", "x-prxy-"].iter().any(|prefix| name.as_str().starts_with(prefix));
    ours || matches!(
        name.as_str(),
        "authorization"
            | "x-api-key"
            | "x-goog-api-key"
            | "api-key"
            | "proxy-authorization"
            | "cookie"
            | "host"
            | "content-length"
            | "transfer-encoding"
            | "connection"
            | "keep-alive"
            | "proxy-connection"
            | "upgrade"
            | "te"
            | "trailer"
            | "expect"
            | "accept-encoding"
            | "forwarded"
            | "via"
            | "origin"
            | "referer"
            | "x-request-id"
            | "x-real-ip"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-proto"
            | "x-forwarded-port"
            | "x-http-method-override"
    )
}

/// Whether what stands between a client and this gateway sets a header: the client's address, who is logged in
/// there and with what token, how the request came. An operator may set one for a provider all the same, since
/// such a network may stand in front of the provider as well.
#[expect(clippy::unnested_or_patterns, reason = "by product, a line for each")]
fn is_of_the_clients_network(name: &HeaderName) -> bool {
    let mut words = name.as_str().splitn(4, '-');
    let mut word = || words.next().unwrap_or_default();
    match (word(), word(), word()) {
        // by products: Cloudflare, CloudFront, Fastly, Fly, Akamai, Tailscale, TLS terminators, WebLogic
        ("cf" | "cloudfront" | "fastly" | "fly" | "akamai" | "tailscale", ..)
        | ("ssl", "client", _)
        | ("wl", "proxy", _)
        // what nobody but a proxy says of a client
        | ("cdn", "loop", _)
        | ("client", "ip", _)
        | ("true" | "proxy", "client", _)
        | ("remote", "user" | "addr", _)
        | ("x", "real" | "remote" | "original" | "rewrite" | "ssl" | "scheme" | "varnish", _)
        | ("x", "client", "ip" | "cert")
        | ("x", "cluster", "client")
        | ("x", "request", "start")
        // by products: Envoy, Akamai, Azure, App Engine, Netlify, Railway, Vercel
        | ("x", "forwarded" | "envoy" | "akamai" | "azure" | "arr" | "appengine" | "nf" | "railway" | "vercel", _)
        // by products, some of whose headers are for models
        | ("x", "amz", "cf")
        | ("x", "amzn", "trace" | "oidc" | "mtls" | "tls")
        | ("x", "auth", "request")
        | ("x", "cloud", "trace")
        | ("x", "goog", "iap" | "authenticated")
        | ("x", "ms", "token")
        | ("x", "serverless", "authorization") => true,
        ("x", "ms", "client") => name.as_str().starts_with("x-ms-client-principal"),
        _ => false,
    }
}

/// They choose whose account pays, and with the gateway's credential that is not the client's choice.
static PAYING_ACCOUNT: [HeaderName; 3] = [
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("x-goog-user-project"),
];

/// A request ready to be sent.
#[derive(Debug)]
pub struct Prepared {
    /// The HTTP request.
    pub request: http::Request<Pieces>,
    /// Usage was asked for, so that what it adds to the answer has to be taken out again.
    pub strip_usage: bool,
    /// The way back, where the provider is asked in another dialect.
    pub back: Option<Translation>,
}

/// What a translation has to know besides the request.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    /// What the models can do.
    pub catalogue: &'a Catalogue,
    /// The time.
    pub clock: &'a dyn Clock,
    /// What to do about losses.
    pub on_loss: OnLoss,
}

/// Leaves of the client's headers those that go on to any provider.
pub fn keep_forwarded(headers: &mut HeaderMap) {
    remove(headers, |name| ends_here(name) || is_of_the_clients_network(name));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Removes the headers that `ends_here` names, and those that `connection` says are of this hop.
pub(crate) fn remove(headers: &mut HeaderMap, ends_here: fn(&HeaderName) -> bool) {
    let named = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse::<HeaderName>().ok());
    let ending: Vec<_> = headers.keys().filter(|name| ends_here(name)).cloned().chain(named).collect();
    for name in ending {
        headers.remove(name);
    }
}

/// Prepares the request for one candidate.
pub fn prepare(
    exchange: &Exchange,
    forwarded: &HeaderMap,
    candidate: &Candidate,
    plan: Plan,
    known: Knowledge<'_>,
) -> Result<Prepared, GatewayError> {
    let (pieces, strip_usage, back, dialect) = match plan {
        Plan::Passthrough { ask_for_usage } => {
            let (pieces, strip_usage) = body(exchange, candidate, ask_for_usage);
            (pieces, strip_usage, None, exchange.request.dialect)
        }
        Plan::Translate { to } => {
            let Knowledge { catalogue, clock, on_loss } = known;
            let translated = translate(exchange, candidate, to, on_loss, catalogue, clock)?;
            let Translated { body, back, strip_usage } = translated;
            (vec![body], strip_usage, back, to)
        }
    };
    let mut request = http::Request::new(Pieces::new(pieces));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(exchange, candidate, dialect)?;
    *request.headers_mut() = headers(exchange, forwarded, candidate, dialect);
    Ok(Prepared { request, strip_usage, back })
}

fn body(exchange: &Exchange, candidate: &Candidate, ask: bool) -> (Vec<Bytes>, bool) {
    let body = &exchange.request.body;
    let mut patches = Vec::new();
    if let Some(field) = &exchange.envelope.model
        && field.name != *candidate.model
    {
        patches.push(Patch { span: field.value_span.clone(), with: json_string(&candidate.model) });
    }
    let asked = if ask { ask_for_usage(body, &exchange.envelope) } else { None };
    let strip_usage = asked.is_some();
    patches.extend(asked);
    (apply(body, patches), strip_usage)
}

fn uri(exchange: &Exchange, candidate: &Candidate, dialect: Dialect) -> Result<Uri, GatewayError> {
    let request = &exchange.request;
    let provider = &candidate.provider;
    // a query means something in the client's dialect, and in no other
    let query = request.query.as_ref().filter(|_| dialect == request.dialect);
    if let (Some(uri), None) = (provider.endpoint(request.operation, dialect), query) {
        return Ok(uri.clone());
    }
    let template = provider.row.endpoint(request.operation, dialect).unwrap_or_default();
    let in_path = template.contains("{model}");
    if in_path && candidate.model.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(GatewayError::InvalidRequest {
            message: format!("the model {:?} cannot stand in a path", &*candidate.model),
            param: Some("model"),
        });
    }
    let action = request.path_model.as_ref().map_or("", |path| path.action.as_str());
    let path = template.replace("{model}", &path_segment(&candidate.model)).replace("{action}", action);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{}{path}{query}", provider.base_url)
        .parse()
        .map_err(|_| GatewayError::invalid("the model's name or the query cannot stand in a URL"))
}

/// A model name as part of a path; slashes stay, since such names have them (`models/…`).
fn path_segment(model: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/:@".contains(&byte);
    model
        .bytes()
        .map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Whether a header is about the client's dialect or the library that speaks it.
fn speaks_of_a_dialect(name: &str) -> bool {
    ["anthropic-", "openai-", "x-goog-", "x-stainless-"].iter().any(|prefix| name.starts_with(prefix))
        || matches!(name, "accept" | "content-type" | "user-agent")
}

fn headers(exchange: &Exchange, forwarded: &HeaderMap, candidate: &Candidate, dialect: Dialect) -> HeaderMap {
    let mut headers = forwarded.clone();
    let provider = &candidate.provider;
    let translated = dialect != exchange.request.dialect;
    if translated {
        remove(&mut headers, |name| speaks_of_a_dialect(name.as_str()));
    }
    for (name, value) in &provider.headers {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if candidate.credential.is_some() {
        for name in &PAYING_ACCOUNT {
            headers.remove(name);
        }
    }
    for (name, value) in &provider.own_headers {
        headers.insert(name, value.clone());
    }
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    let auth = match (&candidate.credential, &exchange.request.caller) {
        (Some(credential), _) => credential.header.clone(),
        (None, Caller::OwnKey(own)) => {
            let row = &provider.row;
            // how a client of another dialect sends its key says nothing about this one
            let kept = !translated && row.auth_also.contains(&own.key.scheme);
            let scheme = if kept { own.key.scheme } else { row.auth };
            scheme.header(own.key.secret.expose().trim()).and_then(Result::ok)
        }
        (None, _) => None,
    };
    headers.extend(auth);
    headers
}

#[cfg(test)]
mod tests;
