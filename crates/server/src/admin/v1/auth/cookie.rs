//! The cookie of a session.

use std::time::Duration;

use http::HeaderMap;
use http::header::COOKIE;

/// Its name.
const NAME: &str = "penstock_session";

/// What makes a browser keep the token: for scripts unreadable, for other sites unused, for other paths unsent.
pub(in super::super) fn set(token: &str, lives: Duration, insecure: bool) -> String {
    let secure = if insecure { "" } else { "; Secure" };
    format!("{NAME}={token}; Path=/admin; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lives.as_secs())
}

/// What makes it forget.
pub(in super::super) fn clear(insecure: bool) -> String {
    set("", Duration::ZERO, insecure)
}

/// The token that came with a request.
pub(in super::super) fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == NAME && !value.is_empty()).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_this_site_alone() {
        let set = set("7.abc", Duration::from_mins(1), false);
        assert_eq!(set, "penstock_session=7.abc; Path=/admin; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        assert!(!clear(true).contains("Secure") && clear(true).contains("Max-Age=0"));
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let headers = |cookie: &str| HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())]);
        assert_eq!(token(&headers("a=b; penstock_session=7.abc; c=d")), Some("7.abc"));
        for none in ["a=b", "penstock_session=", "xpenstock_session=7.abc", "penstock_session"] {
            assert_eq!(token(&headers(none)), None, "{none}");
        }
    }
}
