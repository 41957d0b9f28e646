//! Which web pages may call models from a browser, where any may. The admin API is never theirs.

use std::time::Duration;

use http::{HeaderValue, Method, Uri};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

/// How long a browser need not ask again.
const KEPT: Duration = Duration::from_hours(1);

/// Origins of pages that may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every page.
    Any,
    /// Those of these origins, as browsers write them.
    Named(Vec<HeaderValue>),
}

impl CorsOrigins {
    /// Reads origins, or `*` alone; the first that is none is the error. `None` where there are none.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Option<Self>, String> {
        let entries: Vec<_> = entries.into_iter().collect();
        if entries == ["*"] {
            return Ok(Some(Self::Any));
        }
        let named = entries.iter().map(|entry| origin(entry).ok_or_else(|| (*entry).to_owned()));
        let named = named.collect::<Result<Vec<_>, _>>()?;
        Ok((!named.is_empty()).then_some(Self::Named(named)))
    }

    /// Answers browsers that ask first, and says in each answer whose it may be. Cookies open nothing here, and
    /// keys travel in headers that a page has to set by itself.
    pub(crate) fn layer(&self) -> CorsLayer {
        let origins = match self {
            Self::Any => AllowOrigin::any(),
            Self::Named(origins) => AllowOrigin::list(origins.iter().cloned()),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(Any)
            .max_age(KEPT)
    }
}

/// An origin as browsers write it: small letters, and no port that goes without saying.
fn origin(entry: &str) -> Option<HeaderValue> {
    let origin = entry.to_ascii_lowercase();
    let uri = origin.parse::<Uri>().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    // the rest is a path, if only a slash at the end, which no browser writes
    if format!("{scheme}://{authority}") != origin || authority.contains('@') || uri.host()?.is_empty() {
        return None;
    }
    let usual = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    HeaderValue::from_str(origin.strip_suffix(usual).filter(|_| !usual.is_empty()).unwrap_or(&origin)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        let parse = |entries: &[&str]| CorsOrigins::parse(entries.iter().copied());
        let named = |origins: &[&'static str]| {
            Ok(Some(CorsOrigins::Named(
                origins.iter().map(|origin| HeaderValue::from_static(origin)).collect(),
            )))
        };
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&["*"]), Ok(Some(CorsOrigins::Any)));
        assert_eq!(parse(&["https://App.example"]), named(&["https://app.example"]));
        assert_eq!(
            parse(&[
                "http://localhost:3000",
                "https://a.example:443",
                "http://[::1]:80",
                "tauri://localhost"
            ]),
            named(&["http://localhost:3000", "https://a.example", "http://[::1]", "tauri://localhost"])
        );
        for bad in [
            "null",
            "app.example",
            "https://app.example/",
            "https://a/b",
            "https://*.example ",
            "https://",
            "*",
        ] {
            assert_eq!(parse(&["https://a", bad]), Err(bad.to_owned()));
        }
    }
}
