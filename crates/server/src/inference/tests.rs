use http::HeaderMap;
use penstock_providers::AuthScheme;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn found(pairs: &[(&'static str, &str)], query: Option<&str>) -> Option<(AuthScheme, String)> {
    present(&headers(pairs), query).map(|key| (key.scheme, key.secret.expose().clone()))
}

#[test]
fn a_key_is_found_wherever_clients_put_it() {
    let key = |scheme, text: &str| Some((scheme, text.to_owned()));
    assert_eq!(found(&[], None), None);
    assert_eq!(found(&[("authorization", "Basic abc")], None), None);
    assert_eq!(found(&[("authorization", "bearer  abc ")], None), key(AuthScheme::Bearer, "abc"));
    assert_eq!(found(&[("authorization", "sk-pen-bare")], None), key(AuthScheme::Bearer, "sk-pen-bare"));
    assert_eq!(found(&[("x-api-key", "abc")], None), key(AuthScheme::XApiKey, "abc"));
    assert_eq!(found(&[], Some("alt=sse&key=a%2Bc")), key(AuthScheme::XGoogApiKey, "a+c"));
    assert_eq!(
        found(&[("authorization", "Bearer sk-ant-1"), ("x-api-key", "sk-pen-2")], None),
        key(AuthScheme::XApiKey, "sk-pen-2"),
        "a key of ours is meant before any other"
    );
}

#[test]
fn the_query_goes_on_without_the_key() {
    assert_eq!(query_without_key("key=secret"), None);
    assert_eq!(query_without_key("alt=sse&k%65y=secret&x=%20y&key"), Some("alt=sse&x=%20y".to_owned()));
    assert_eq!(query_without_key("beta=true").as_deref(), Some("beta=true"));
}

#[test]
fn an_unknown_path_is_answered_in_a_likely_dialect() {
    assert_eq!(
        likely_dialect("/v1/mesages", &headers(&[("anthropic-version", "x")])),
        Dialect::AnthropicMessages
    );
    assert_eq!(likely_dialect("/v1beta/files", &headers(&[])), Dialect::Gemini);
    assert_eq!(likely_dialect("/v1/chat", &headers(&[])), Dialect::OpenaiChat);
}

#[test]
fn what_goes_past_the_router_is_a_call_of_an_aggregated_path() {
    let messages = (Dialect::AnthropicMessages, Operation::Generate);
    assert_eq!(asked(&Method::POST, "/v1/messages"), Some(messages));
    assert!(CALLS.iter().all(|(path, call)| asked(&Method::POST, path) == Some(*call)));
    for (method, path) in [
        (Method::GET, "/v1/messages"),
        (Method::POST, "/v1/messages/"),
        (Method::POST, "/openai/v1/messages"),
        (Method::POST, "/v1/models"),
    ] {
        assert_eq!(asked(&method, path), None, "{method} {path}");
    }
}
