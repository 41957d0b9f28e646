//! What the span of a request says of it, as the conventions for HTTP have it
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).

use std::net::IpAddr;

use http::request::Parts;
use opentelemetry::KeyValue;
use penstock_core::RequestId;

/// Its name, and what is known when it arrives. Neither a query nor a header: keys travel in both.
pub(super) fn about(
    parts: &Parts,
    route: &str,
    id: RequestId,
    client: Option<IpAddr>,
) -> (String, Vec<KeyValue>) {
    let mut attributes = vec![
        KeyValue::new("http.request.method", parts.method.to_string()),
        KeyValue::new("http.route", route.to_owned()),
        KeyValue::new("url.path", parts.uri.path().to_owned()),
        KeyValue::new("penstock.request_id", id.to_string()),
    ];
    attributes.extend(client.map(|client| KeyValue::new("client.address", client.to_string())));
    (format!("{} {route}", parts.method), attributes)
}
