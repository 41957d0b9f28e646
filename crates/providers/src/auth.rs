//! How a provider takes its key: which header carries it and in what form.
//!
//! Schemes that sign the request are not here; they need the request.

use http::header::{AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// The header a key travels in. The names in TOML and JSON are those of the headers, but for
/// `bearer` and `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthScheme {
    /// `authorization: Bearer <key>` (RFC 6750).
    Bearer,
    /// `x-api-key: <key>`, as Anthropic has it.
    XApiKey,
    /// `x-goog-api-key: <key>`, as Google has it.
    XGoogApiKey,
    /// `api-key: <key>`, as Azure has it.
    ApiKey,
    /// No key is sent.
    None,
}

impl AuthScheme {
    /// Every scheme.
    pub const ALL: &'static [Self] =
        &[Self::Bearer, Self::XApiKey, Self::XGoogApiKey, Self::ApiKey, Self::None];

    /// The header the scheme uses, if it uses one.
    pub fn header_name(self) -> Option<HeaderName> {
        match self {
            Self::Bearer => Some(AUTHORIZATION),
            Self::XApiKey => Some(HeaderName::from_static("x-api-key")),
            Self::XGoogApiKey => Some(HeaderName::from_static("x-goog-api-key")),
            Self::ApiKey => Some(HeaderName::from_static("api-key")),
            Self::None => None,
        }
    }

    /// The header that carries `secret`, its value marked sensitive so that `Debug` hides it.
    /// An error means that the secret has bytes no header may have, such as a line break.
    pub fn header(self, secret: &str) -> Option<Result<(HeaderName, HeaderValue), InvalidHeaderValue>> {
        let name = self.header_name()?;
        let value = match self {
            Self::Bearer => HeaderValue::try_from(format!("Bearer {secret}")),
            _ => HeaderValue::from_str(secret),
        };
        Some(value.map(|mut value| {
            value.set_sensitive(true);
            (name, value)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_has_its_header_and_hides_the_key() {
        for (scheme, name, value) in [
            (AuthScheme::Bearer, "authorization", "Bearer k1"),
            (AuthScheme::XApiKey, "x-api-key", "k1"),
            (AuthScheme::XGoogApiKey, "x-goog-api-key", "k1"),
            (AuthScheme::ApiKey, "api-key", "k1"),
        ] {
            let (header, secret) = scheme.header("k1").unwrap().unwrap();
            assert_eq!(header, name);
            assert_eq!(secret, value);
            assert_eq!(format!("{secret:?}"), "Sensitive");
        }
        assert!(AuthScheme::None.header("k1").is_none());
    }

    #[test]
    fn a_key_with_a_line_break_is_an_error() {
        for scheme in [AuthScheme::Bearer, AuthScheme::XApiKey] {
            assert!(scheme.header("a\r\nx-evil: 1").unwrap().is_err());
        }
    }

    #[test]
    fn names_in_files_are_those_of_the_headers() {
        for scheme in AuthScheme::ALL {
            let text = serde_json::to_value(scheme).unwrap();
            match scheme.header_name() {
                Some(name) if *scheme != AuthScheme::Bearer => assert_eq!(text, name.as_str()),
                Some(_) => assert_eq!(text, "bearer"),
                None => assert_eq!(text, "none"),
            }
        }
    }
}
