//! What must hold of names, addresses and expressions: asked by whoever saves them, and by whoever uses them, so
//! that nothing is saved that is left out of the routing afterwards. Each answer says what was expected.

use std::net::IpAddr;

use http::Uri;
use regex::{Regex, RegexBuilder};

/// Bytes of a compiled expression at the most.
const EXPRESSION: usize = 1 << 20;

/// The name of a provider, which stands in paths of this gateway.
pub fn check_provider_name(name: &str) -> Result<(), &'static str> {
    const OWN_PATHS: [&str; 8] = ["v1", "v1beta", "admin", "healthz", "readyz", "metrics", "version", "api"];
    if name.is_empty() {
        return Err("expected a name that is not empty");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("expected letters, digits, '-', '_' and '.' only, since it stands in paths");
    }
    if OWN_PATHS.contains(&name) || name.bytes().all(|byte| byte == b'.') {
        return Err("expected a name that is not one of the gateway's own paths");
    }
    Ok(())
}

/// The address of a provider.
pub fn check_base_url(url: &str) -> Result<(), &'static str> {
    let Ok(uri) = url.parse::<Uri>() else {
        return Err("expected a URL such as https://api.example.com/v1");
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("expected http:// or https://");
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err("expected a host without user name and password: put the secret into a credential");
    }
    if uri.query().is_some() || url.contains('#') {
        return Err("expected neither a query nor a fragment");
    }
    let host = uri.host().unwrap_or_default();
    // a port that is no number of 16 bits is none to the parser, and would be left out silently
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let port = authority.strip_prefix(host).and_then(|rest| rest.strip_prefix(':'));
    if host.is_empty() || port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
        return Err("expected a host and, if any, a port from 0 to 65535");
    }
    if is_metadata_service(host) {
        return Err("this is the metadata service of a cloud, which holds the machine's own credentials");
    }
    Ok(())
}

/// Whether a host is where clouds keep the credentials of their machines, however it is spelled.
fn is_metadata_service(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let decimal = || address.parse::<u32>().ok().map(|number| IpAddr::from(number.to_be_bytes()));
    let address = address.parse::<IpAddr>().ok().or_else(decimal).map(|address| address.to_canonical());
    host == "metadata.google.internal"
        || address == Some(IpAddr::from([169, 254, 169, 254]))
        || address == Some(IpAddr::from([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]))
}

/// The expression of an alias.
pub fn check_alias(alias: &str) -> Result<(), String> {
    expression(alias).map(drop)
}

/// What matches a whole name.
pub(super) fn expression(alias: &str) -> Result<Regex, String> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(EXPRESSION).build();
    // checked by itself first: a pattern such as `a)|(?:b` would get out of the brackets
    let built = build(alias).and_then(|_| build(&format!("^(?:{alias})$")));
    // the message of the engine has several lines; the last one says what is wrong
    built.map_err(|error| error.to_string().lines().last().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_has_a_name_of_its_own_that_can_stand_in_a_path() {
        for sound in ["openai", "my-own_2.x", "17"] {
            assert_eq!(check_provider_name(sound), Ok(()), "{sound}");
        }
        for bad in ["", " ", "a/b", "ä", "admin", "v1", ".", ".."] {
            assert!(check_provider_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_port_is_a_number_of_16_bits() {
        for sound in ["http://x", "http://x:0/v1", "http://[::1]:65535/v1", "http://x:80"] {
            assert_eq!(check_base_url(sound), Ok(()), "{sound}");
        }
        for bad in ["https://x:99999/v1", "http://[::1]:65536", "http://10.0.0.5:8a"] {
            assert!(check_base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_expression_compiles_by_itself_and_is_of_bounded_size() {
        assert_eq!(check_alias("gpt-4(.*)"), Ok(()));
        for bad in ["(", "a{2}{", "(?=a)", "(a{1000}){1000}", "a)|(?:b"] {
            let problem = check_alias(bad).unwrap_err();
            assert!(!problem.is_empty() && !problem.contains('\n'), "{bad}: {problem}");
        }
    }
}
