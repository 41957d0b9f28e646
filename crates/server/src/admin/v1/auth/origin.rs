//! Whether a browser sent a request for a page of this gateway, and not for somebody else's.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

use crate::admin::v1::problem::Problem;

/// Refuses a change that does not show that it comes from a page of this gateway: a cookie comes by itself.
pub(in super::super) fn require_own(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        return refuse_others(headers);
    }
    Err(cross("a change with a cookie needs the header Origin or Sec-Fetch-Site, as browsers send them"))
}

/// Refuses what says that it comes from elsewhere.
pub(in super::super) fn refuse_others(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site")
        && site != "same-origin"
    {
        return Err(cross(&format!("Sec-Fetch-Site: expected same-origin, found {site:?}")));
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return Ok(()) };
    // the scheme is not compared: whoever ends TLS in front of this gateway changes it
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    if authority.is_some() && authority == text(HOST.as_str()) {
        return Ok(());
    }
    Err(cross(&format!("Origin: expected this gateway's own, found {origin:?}")))
}

fn cross(detail: &str) -> Problem {
    Problem::forbidden("cross_origin", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_change_has_to_come_from_a_page_of_ours() {
        let host = ("host", "gate.example:8787");
        let own = ("origin", "https://gate.example:8787");
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[host], false),
            (&[host, own], true),
            (&[host, ("sec-fetch-site", "same-origin")], true),
            (&[host, own, ("sec-fetch-site", "same-origin")], true),
            (&[host, own, ("sec-fetch-site", "cross-site")], false),
            (&[host, ("sec-fetch-site", "same-site")], false),
            (&[host, ("sec-fetch-site", "none")], false),
            (&[host, ("origin", "https://evil.example")], false),
            (&[host, ("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false),
            (&[host, ("origin", "null")], false),
            (&[("origin", "null")], false),
        ];
        for (pairs, passes) in cases {
            assert_eq!(require_own(&headers(pairs)).is_ok(), *passes, "{pairs:?}");
        }
        assert!(refuse_others(&headers(&[host])).is_ok(), "a program that is no browser may log in");
    }
}
