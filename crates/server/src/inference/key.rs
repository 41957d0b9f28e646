//! Where clients put their keys.

use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use penstock_control::KEY_PREFIX;
use penstock_core::Secret;
use penstock_gateway::PresentedKey;
use penstock_providers::AuthScheme;
use percent_encoding::percent_decode_str;

// names that are not parsed again for each request
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// The key of a request: `authorization`, `x-api-key`, `api-key`, `x-goog-api-key` or `?key=`. Where
/// several stand, one of ours is meant before any other.
pub(crate) fn present(headers: &HeaderMap, query: Option<&str>) -> Option<PresentedKey> {
    let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header(&AUTHORIZATION).and_then(|value| {
        match value.trim().split_once(' ') {
            Some((scheme, key)) => scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned()),
            // the scheme left out, as people do
            None => Some(value.trim().to_owned()),
        }
    });
    let found = [
        (AuthScheme::Bearer, bearer),
        (AuthScheme::XApiKey, header(&X_API_KEY).map(str::to_owned)),
        (AuthScheme::ApiKey, header(&API_KEY).map(str::to_owned)),
        (AuthScheme::XGoogApiKey, header(&X_GOOG_API_KEY).map(str::to_owned)),
        (AuthScheme::XGoogApiKey, query.and_then(query_key)),
    ];
    let mut found: Vec<_> = found.into_iter().filter_map(|(scheme, key)| Some((scheme, key?))).collect();
    let ours = found.iter().position(|(_, key)| key.trim().starts_with(KEY_PREFIX)).unwrap_or(0);
    (!found.is_empty()).then(|| {
        let (scheme, key) = found.swap_remove(ours);
        PresentedKey { secret: Secret::from(key), scheme }
    })
}

fn query_key(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(name, _)| is_key(name)))?.1;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn is_key(name: &str) -> bool {
    percent_decode_str(name).decode_utf8_lossy() == "key"
}

/// The query without `key`, every other pair as it was; `None` if nothing is left.
pub(crate) fn query_without_key(query: &str) -> Option<String> {
    let kept: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_key(pair.split_once('=').map_or(pair, |(name, _)| name)))
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}
