//! The address of a proxy through which providers are called.
//!
//! It may hold a login, which is a secret: it is shown nowhere, not even in an error. What was read is sound: a
//! scheme that is spoken, a host that may be called, a login that the scheme can carry.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::{Secret, is_metadata_service};

/// In place of an address: no proxy, whatever holds for others.
const DIRECT: &str = "direct";
/// Bytes that name and password may have together for SOCKS. Each has one byte for its length there, and the client
/// has a buffer of 262 bytes for the whole handshake, the provider's name included.
const SOCKS_LOGIN: usize = 160;

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyScheme {
    /// HTTP, with CONNECT.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5; names are looked up by the proxy.
    Socks5,
}

/// What a proxy wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyLogin {
    /// The user's name.
    pub name: Secret<String>,
    /// The password.
    pub password: Secret<String>,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyUrl {
    scheme: ProxyScheme,
    /// As it stands in a URL: an IPv6 address in brackets.
    host: String,
    port: u16,
    login: Option<ProxyLogin>,
}

/// Why a text is no address of a proxy; what was found is not shown, since a password may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}, found [hidden]")]
pub struct ProxyUrlError(&'static str);

impl ProxyUrlError {
    /// What was expected.
    pub const fn expected(self) -> &'static str {
        self.0
    }
}

impl ProxyUrl {
    /// Reads an address; `None` if it says `direct`.
    pub fn parse(text: &Secret<String>) -> Result<Option<Self>, ProxyUrlError> {
        // taken apart here, so that only the login is a secret from then on
        let text = text.expose().trim();
        if text == DIRECT {
            return Ok(None);
        }
        let url = Url::parse(text).map_err(|_| ProxyUrlError(FORM))?;
        let (scheme, usual_port) = match url.scheme() {
            "http" => (ProxyScheme::Http, 80),
            "https" => (ProxyScheme::Https, 443),
            "socks5" | "socks5h" => (ProxyScheme::Socks5, 1080),
            _ => return Err(ProxyUrlError(FORM)),
        };
        let host = match url.host() {
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            Some(host) if !host.to_string().is_empty() => host.to_string(),
            _ => return Err(ProxyUrlError(FORM)),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyUrlError(
                "an address without path, query and fragment (a '/', '?' or '#' in a \
                 password is written %2F, %3F, %23)",
            ));
        }
        if is_metadata_service(&host) {
            return Err(ProxyUrlError(
                "another host: this is the metadata service of a cloud, which holds the machine's own credentials",
            ));
        }
        let login = login(&url, scheme)?;
        let port = url.port().unwrap_or(usual_port);
        Ok(Some(Self { scheme, host, port, login }))
    }

    /// How it is spoken to.
    pub const fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// `host:port`
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What it wants to see, if anything.
    pub const fn login(&self) -> Option<&ProxyLogin> {
        self.login.as_ref()
    }
}

const FORM: &str = "http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, with NAME:PASSWORD@ before the host if \
     the proxy wants a login, or `direct` for no proxy";

fn login(url: &Url, scheme: ProxyScheme) -> Result<Option<ProxyLogin>, ProxyUrlError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().ok()?;
        (!text.contains(char::is_control)).then(|| Secret::from(text.into_owned()))
    };
    let bad = ProxyUrlError("a login of visible characters");
    let name = decoded(url.username()).ok_or(bad)?;
    let password = decoded(url.password().unwrap_or_default()).ok_or(bad)?;
    // only counted, and looked at for what would end the name
    let (name_length, length) = (name.expose().len(), name.expose().len() + password.expose().len());
    if scheme == ProxyScheme::Socks5 && (name_length == 0 || length > SOCKS_LOGIN) {
        return Err(ProxyUrlError("a name, and with the password 160 bytes at most, as SOCKS carries them"));
    }
    if name.expose().contains(':') {
        return Err(ProxyUrlError("a name without a colon, which would end it"));
    }
    Ok(Some(ProxyLogin { name, password }))
}

/// Without the login.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Https => "https",
            ProxyScheme::Socks5 => "socks5",
        };
        let login = if self.login.is_some() { "[hidden]@" } else { "" };
        write!(f, "{scheme}://{login}{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<ProxyUrl>, ProxyUrlError> {
        ProxyUrl::parse(&text.to_owned().into())
    }

    #[test]
    fn what_is_shown_has_no_login() {
        for (text, shown, login) in [
            ("http://proxy.example", "http://proxy.example:80", None),
            (" http://proxy.example:3128/\n", "http://proxy.example:3128", None),
            ("https://u:geheim@p.example", "https://[hidden]@p.example:443", Some(("u", "geheim"))),
            ("socks5://u:geh%2Feim%40@10.0.0.1", "socks5://[hidden]@10.0.0.1:1080", Some(("u", "geh/eim@"))),
            ("socks5h://[::1]:9050", "socks5://[::1]:9050", None),
            ("http://:geheim@p:1", "http://[hidden]@p:1", Some(("", "geheim"))),
            ("http://token@p:1", "http://[hidden]@p:1", Some(("token", ""))),
        ] {
            let parsed = parse(text).expect(text).expect(text);
            assert_eq!(parsed.to_string(), shown);
            assert!(!format!("{parsed:?}").contains("geh"), "{parsed:?}");
            let found =
                parsed.login().map(|login| (login.name.expose().as_str(), login.password.expose().as_str()));
            assert_eq!(found, login, "{text}");
        }
        assert_eq!(parse(" direct "), Ok(None));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        let long = format!("socks5://u:geheim{}@p", "x".repeat(160));
        for (text, helps) in [
            ("", "http://HOST:PORT"),
            ("proxy.example:3128", "http://HOST:PORT"),
            ("ftp://u:geheim@p", "http://HOST:PORT"),
            ("socks4://p", "http://HOST:PORT"),
            ("http://", "http://HOST:PORT"),
            ("socks5://", "http://HOST:PORT"),
            ("http://p:99999", "http://HOST:PORT"),
            ("http://u:geheim@p/way", "without path"),
            ("http://p?geheim", "without path"),
            ("http://u:geheim@p/#x", "without path"),
            ("http://u:geheim%0a@p", "visible characters"),
            ("http://u%3Ax:geheim@p", "a name without a colon"),
            ("socks5://:geheim@p", "a name"),
            (&long, "160 bytes"),
            ("http://u:geheim@169.254.169.254:80", "metadata service"),
            ("http://2852039166/", "metadata service"),
            ("socks5://metadata.google.internal.", "metadata service"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(helps) && !error.contains("geheim"), "{text}: {error}");
        }
    }
}
