//! How a DSN names a database of libSQL.

use std::net::IpAddr;

use penstock_core::Secret;
use reqwest::Url;

const EXPECTED: &str = "libsql://host, or http://host:port for a server of your own";

/// Whether a DSN of this scheme names one.
pub(crate) fn is_scheme(scheme: &str) -> bool {
    ["libsql", "http", "https"].contains(&scheme)
}

/// The URL of the server, without a slash at its end, and the token that stood in the DSN; else what was expected.
pub(crate) fn parse(dsn: &str) -> Result<(String, Option<Secret<String>>), &'static str> {
    let (scheme, rest) = dsn.split_once("://").ok_or(EXPECTED)?;
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut scheme, is_own) = if scheme == "libsql" { ("https", true) } else { (scheme, false) };
    let mut token = None;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("tls", "0")) if is_own => scheme = "http",
            Some(("tls", "1")) if is_own => {}
            Some(("authToken", found)) if !found.is_empty() => token = Some(read_token(found)?),
            _ => return Err("libsql://host, and no option but ?tls=0 and ?authToken=…"),
        }
    }
    let url = Url::parse(&format!("{scheme}://{place}")).map_err(|_| EXPECTED)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("libsql://host with its token in dsn_token, and no login before the host");
    }
    if url.host_str().is_none_or(str::is_empty) || url.fragment().is_some() {
        return Err(EXPECTED);
    }
    Ok((url.as_str().trim_end_matches('/').to_owned(), token))
}

/// A token that can stand in a header.
pub(crate) fn read_token(text: &str) -> Result<Secret<String>, &'static str> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token of visible characters, as the server's issuer gives it");
    }
    Ok(Secret::from(text.to_owned()))
}

/// Whether what is sent there can be read on the way: it is not encrypted, and leaves this machine.
pub(crate) fn is_open(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme() == "http" && !is_here
}
