//! Which database a control store is in.

use std::fmt;
use std::path::{Path, PathBuf};

use penstock_core::Secret;

use crate::libsql::address;

/// A database, as a DSN names it.
#[derive(Clone, Debug)]
pub enum Dsn {
    /// A SQLite file of this machine.
    Sqlite(PathBuf),
    /// A server that several gateways may share.
    Postgres(Secret<String>),
    /// The same; MySQL or `MariaDB`.
    Mysql(Secret<String>),
    /// A folder of JSON files, for one process. No DSN names it; see `persistence`.
    Folder(PathBuf),
    /// A database of libSQL, called over HTTP, that several gateways may share.
    Libsql {
        /// Its server: `https://…` or `http://…`.
        url: String,
        /// What the server wants to see, if anything.
        token: Option<Secret<String>>,
    },
}

/// A DSN that names no database.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct DsnError {
    expected: &'static str,
    /// As much as holds no password.
    found: String,
}

const EXPECTED: &str = "sqlite://PATH, postgres://user:password@host:port/database, \
     mysql://user:password@host:port/database or libsql://host";

impl Dsn {
    /// Reads a DSN.
    pub fn parse(text: &Secret<String>) -> Result<Self, DsnError> {
        let text = text.expose().trim();
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        let found = || format!("{:?}", scheme.chars().take(24).collect::<String>());
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let (path, options) = path.split_once('?').unwrap_or((path, ""));
                // the one option there is says what happens anyway
                if path.is_empty() || !["", "mode=rwc"].contains(&options) {
                    let expected = "sqlite://PATH, and no option but ?mode=rwc";
                    return Err(DsnError { expected, found: format!("{text:?}") });
                }
                Ok(Self::Sqlite(PathBuf::from(path)))
            }
            "postgres" | "postgresql" if has_database(rest) => Ok(Self::Postgres(text.to_owned().into())),
            "mysql" | "mariadb" if has_database(rest) => Ok(Self::Mysql(format!("mysql:{rest}").into())),
            "postgres" | "postgresql" | "mysql" | "mariadb" => {
                let expected = "the name of a database after the host, as in postgres://user@host/penstock";
                Err(DsnError { expected, found: found() })
            }
            scheme if address::is_scheme(scheme) => {
                let (url, token) =
                    address::parse(text).map_err(|expected| DsnError { expected, found: found() })?;
                Ok(Self::Libsql { url, token })
            }
            _ => Err(DsnError { expected: EXPECTED, found: found() }),
        }
    }

    /// With the token of its server, where that does not stand in the DSN.
    pub fn with_token(self, given: &Secret<String>) -> Result<Self, DsnError> {
        let refused = |expected, found: &str| DsnError { expected, found: found.to_owned() };
        match self {
            Self::Libsql { url, token: None } => {
                let token = address::read_token(given.expose());
                let token = token.map_err(|expected| refused(expected, "[hidden]"))?;
                Ok(Self::Libsql { url, token: Some(token) })
            }
            Self::Libsql { .. } => Err(refused("one token", "another one in the DSN (?authToken=…)")),
            other => Err(refused("a DSN of libSQL (libsql://host) beside a token", &other.to_string())),
        }
    }

    /// Whether a token goes over a network as it is, where others may read it.
    pub fn tells_its_token(&self) -> bool {
        let Self::Libsql { url, token: Some(_) } = self else { return false };
        address::is_open(url)
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) | Self::Mysql(_) | Self::Folder(_) | Self::Libsql { .. } => None,
        }
    }

    /// The file or folder of this machine, if it is one.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) | Self::Folder(path) => Some(path),
            Self::Postgres(_) | Self::Mysql(_) | Self::Libsql { .. } => None,
        }
    }
}

/// `//user:password@host:port/database`
fn has_database(rest: &str) -> bool {
    let rest = rest.strip_prefix("//").unwrap_or_default();
    let (address, _options) = rest.split_once('?').unwrap_or((rest, ""));
    address.rsplit_once('/').is_some_and(|(host, database)| !host.is_empty() && !database.is_empty())
}

/// Without the login.
impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, dsn) = match self {
            Self::Sqlite(path) | Self::Folder(path) => return write!(f, "{}", path.display()),
            Self::Postgres(dsn) => ("postgres", dsn),
            Self::Mysql(dsn) => ("mysql", dsn),
            Self::Libsql { url, .. } => return f.write_str(url),
        };
        let address = dsn.expose().split_once("://").map_or("", |(_, rest)| rest);
        let address = address.split_once('?').map_or(address, |(address, _)| address);
        write!(f, "{scheme}://{}", address.rsplit_once('@').map_or(address, |(_, host)| host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Dsn, DsnError> {
        Dsn::parse(&text.to_owned().into())
    }

    #[test]
    fn what_is_shown_has_no_login() {
        for (dsn, shown) in [
            ("sqlite:///var/lib/penstock/penstock.db?mode=rwc", "/var/lib/penstock/penstock.db"),
            ("sqlite:data/a.db", "data/a.db"),
            ("postgres://me:geh@im@db:5432/penstock?sslmode=require", "postgres://db:5432/penstock"),
            ("mariadb://me:geheim@db/penstock", "mysql://db/penstock"),
            ("libsql://a-b.turso.io", "https://a-b.turso.io"),
            ("libsql://a-b.turso.io/?authToken=geheim", "https://a-b.turso.io"),
            ("libsql://localhost:8080?tls=0&authToken=geheim", "http://localhost:8080"),
            ("libsql://[::1]:8080?tls=1", "https://[::1]:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://db.internal/penstock", "https://db.internal/penstock"),
        ] {
            let parsed = parse(dsn).expect(dsn);
            assert_eq!(parsed.to_string(), shown);
            assert!(!format!("{parsed:?}").contains("geh"), "{parsed:?}");
        }
    }

    #[test]
    fn what_names_no_database_is_refused_without_its_password() {
        for (dsn, helps) in [
            ("", "expected sqlite://PATH, postgres://"),
            ("oracle://me:geheim@db/x", "expected sqlite://PATH, postgres://"),
            ("postgres://me:geheim@db", "the name of a database"),
            ("postgres://me:geheim@db/?a=/b", "the name of a database"),
            ("mysql:geheim", "the name of a database"),
            ("sqlite://", "sqlite://PATH"),
            ("sqlite://a.db?mode=ro", "?mode=rwc"),
            ("libsql:geheim", "expected libsql://host"),
            ("libsql://", "expected libsql://host"),
            ("libsql://host:geheim", "expected libsql://host"),
            ("http://host#geheim", "expected libsql://host"),
            ("libsql://geheim@host", "dsn_token"),
            ("http://me:geheim@host", "dsn_token"),
            ("libsql://host?jwt=geheim", "?tls=0"),
            ("libsql://host?tls=2", "?tls=0"),
            ("https://host?tls=0", "?tls=0"),
            ("libsql://host?authToken=", "?authToken="),
            ("libsql://host?authToken=geh\u{e9}im", "visible characters"),
        ] {
            let error = parse(dsn).expect_err(dsn).to_string();
            assert!(error.contains(helps) && !error.contains("geheim"), "{dsn}: {error}");
        }
    }

    #[test]
    fn a_token_is_for_libsql_alone_and_is_named_once() {
        let with = |dsn: &str, token: &str| {
            parse(dsn).expect(dsn).with_token(&token.to_owned().into()).map_err(|error| error.to_string())
        };
        let Ok(Dsn::Libsql { url, token: Some(token) }) = with("libsql://host", " geheim\n") else {
            panic!("it takes a token")
        };
        assert_eq!((url.as_str(), token.expose().as_str()), ("https://host", "geheim"));
        let told = |dsn: &str| with(dsn, "geheim").map(|dsn| dsn.tells_its_token());
        assert_eq!(told("libsql://host?tls=0"), Ok(true));
        for kept in ["libsql://host", "http://localhost:8080", "http://127.0.0.2", "http://[::1]:8080"] {
            assert_eq!(told(kept), Ok(false), "{kept}");
        }
        for (dsn, token, helps) in [
            ("libsql://host?authToken=one", "geheim", "one token"),
            ("sqlite://a.db", "geheim", "libsql://host"),
            ("postgres://db/penstock", "geheim", "libsql://host"),
            ("libsql://host", "geheim of mine", "visible characters"),
            ("libsql://host", "  ", "visible characters"),
        ] {
            let error = with(dsn, token).expect_err(dsn);
            assert!(error.contains(helps) && !error.contains("geheim"), "{dsn}: {error}");
        }
    }
}
