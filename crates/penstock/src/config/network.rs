//! Who stands between this gateway and its clients and providers: proxies on both sides, and browsers.

use penstock_core::ProxyUrl;
use penstock_gateway::Via;
use penstock_server::{CorsOrigins, TrustedProxies};

use super::ConfigError;
use super::settings::Values;

/// Proxies whose word on where a request comes from is taken.
pub(super) fn trusted_proxies(values: &Values) -> Result<TrustedProxies, ConfigError> {
    let parsed = TrustedProxies::parse(values.list("trusted_proxies"));
    parsed.map_err(|entry| {
        let expected = "addresses or networks such as 127.0.0.1, 10.0.0.0/8, fd00::/8";
        ConfigError::new(format!("{}: {entry:?} is none", values.bad("trusted_proxies", expected)))
    })
}

/// Origins of pages that may call from a browser.
pub(super) fn cors_origins(values: &Values) -> Result<Option<CorsOrigins>, ConfigError> {
    let parsed = CorsOrigins::parse(values.list("cors_origins"));
    parsed.map_err(|entry| {
        let expected =
            "origins such as https://app.example or http://localhost:3000, without a path, or * alone";
        ConfigError::new(format!("{}: {entry:?} is none", values.bad("cors_origins", expected)))
    })
}

/// How providers are reached that say nothing else.
pub(super) fn upstream_proxy(values: &Values) -> Result<Via, ConfigError> {
    let Some(url) = values.url("upstream_proxy_url") else { return Ok(Via::Direct) };
    let parsed = ProxyUrl::parse(&url);
    Ok(parsed.map_err(|error| values.bad("upstream_proxy_url", error.expected()))?.into())
}
