//! Which backend each part has: by URL, or by the names of environment variables that are in wide use.
//!
//! A URL wins. Without one, `LOCAL_MODE=false` wants distributed backends, and names every variable that is
//! missing for them; anything else means the embedded ones.

use std::path::{Path, PathBuf};

use penstock_core::Secret;

use crate::Kind;
use crate::blob::settings::BlobSettings;

/// Reads an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where the settings of the parts come from.
#[derive(Debug, Default)]
pub struct Urls {
    /// `PENSTOCK_KV`.
    pub kv: Option<Secret<String>>,
    /// `PENSTOCK_STORAGE_DSN`.
    pub database: Option<Secret<String>>,
    /// `PENSTOCK_BLOB`.
    pub blob: Option<Secret<String>>,
}

/// Where the control store is, which modules must not reach.
#[derive(Clone, Debug)]
pub enum Reserved {
    /// In this file.
    File(PathBuf),
    /// On a server, by its DSN.
    Server(Secret<String>),
    /// In libSQL.
    Libsql {
        /// Where it is.
        url: String,
        /// Its token, if it wants one.
        token: Option<Secret<String>>,
    },
}

/// The backends.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of keys and values.
    pub kv: KvSettings,
    /// Of tables.
    pub database: DatabaseSettings,
    /// Of files.
    pub blob: BlobSettings,
}

/// Which key-value store.
#[derive(Clone, Debug)]
pub enum KvSettings {
    /// In this process, and nowhere else.
    Memory,
    /// In this process, written behind to a file.
    File(PathBuf),
    /// Redis or Valkey.
    Redis(Secret<String>),
    /// Upstash, over its REST interface.
    Upstash {
        /// Where it is.
        url: String,
        /// Its token.
        token: Secret<String>,
    },
}

/// Which database.
#[derive(Clone, Debug)]
pub enum DatabaseSettings {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// PostgreSQL.
    Postgres(Secret<String>),
    /// `MySQL` or `MariaDB`.
    Mysql(Secret<String>),
    /// libSQL over HTTP.
    Libsql {
        /// Where it is.
        url: String,
        /// Its token, if it wants one.
        token: Option<Secret<String>>,
    },
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that means nothing.
    #[error("{name}: expected {expected}, found {found}")]
    Value {
        /// The variable.
        name: &'static str,
        /// What would do.
        expected: &'static str,
        /// What it begins with; the rest may be a secret.
        found: String,
    },
    /// Modules could read users and keys.
    #[error(
        "PENSTOCK_STORAGE_DSN: expected a database of the modules' own, found {0}, which is the control store"
    )]
    ControlStore(String),
    /// They could reach it with the login they have.
    #[error(
        "PENSTOCK_STORAGE_DSN: expected a login of the modules' own, found {0:?}, which is the control store's: \
         make another one that may use the modules' database alone"
    )]
    ControlLogin(String),
    /// What has to be set and is not.
    #[error("storage: {}", .0.join("; "))]
    Missing(Vec<String>),
}

impl Settings {
    /// The settings of a gateway whose data is in `folder`.
    pub fn choose(
        urls: &Urls,
        environment: Environment<'_>,
        folder: &Path,
        control: &Reserved,
    ) -> Result<Self, SettingsError> {
        let local = is_local(environment)?;
        let mut missing = Vec::new();
        let kv = kv(urls.kv.as_ref(), environment, folder, local, &mut missing)?;
        let database = database(urls.database.as_ref(), environment, folder, local, &mut missing)?;
        let blob = match &urls.blob {
            Some(url) => BlobSettings::from_url(url, environment).map(Some),
            None => BlobSettings::from_environment(environment, folder, local).map(Some),
        };
        let blob = blob.or_else(|error| match error {
            SettingsError::Missing(more) => {
                missing.extend(more);
                Ok(None)
            }
            error => Err(error),
        })?;
        if let Some(database) = &database {
            control.refuse(database)?;
        }
        match (kv, database, blob) {
            (Some(kv), Some(database), Some(blob)) if missing.is_empty() => Ok(Self { kv, database, blob }),
            _ => Err(SettingsError::Missing(missing)),
        }
    }

    /// Local if every part is embedded.
    pub fn kind(&self) -> Kind {
        let kv = matches!(self.kv, KvSettings::Memory | KvSettings::File(_));
        let database = matches!(self.database, DatabaseSettings::Sqlite(_));
        if kv && database && self.blob.is_local() { Kind::Local } else { Kind::Cloud }
    }
}

impl DatabaseSettings {
    /// Whether it is embedded.
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

impl Reserved {
    /// Refuses a database from which modules could reach the control store.
    fn refuse(&self, database: &DatabaseSettings) -> Result<(), SettingsError> {
        match (self, database) {
            (Self::File(control), DatabaseSettings::Sqlite(path)) => {
                let whole = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
                if path == control || whole(path).is_some_and(|path| Some(path) == whole(control)) {
                    return Err(SettingsError::ControlStore(path.display().to_string()));
                }
            }
            (Self::Server(control), DatabaseSettings::Postgres(dsn) | DatabaseSettings::Mysql(dsn)) => {
                let (control, modules) = (Place::of(control.expose()), Place::of(dsn.expose()));
                if control.server != modules.server {
                    return Ok(());
                }
                if control.database == modules.database {
                    return Err(SettingsError::ControlStore(format!("database {:?}", modules.database)));
                }
                if control.user == modules.user {
                    return Err(SettingsError::ControlLogin(modules.user.to_owned()));
                }
            }
            (Self::Libsql { url: control, token }, DatabaseSettings::Libsql { url, token: own }) => {
                if database_of(control) == database_of(url) {
                    return Err(SettingsError::ControlStore(url.clone()));
                }
                // a token of a group opens all of its databases
                if token.is_some() && token == own {
                    return Err(SettingsError::ControlLogin("the token".to_owned()));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a DSN says of a server: `scheme://user:password@host:port/database?options`.
struct Place<'a> {
    server: (&'static str, String),
    user: &'a str,
    database: &'a str,
}

impl<'a> Place<'a> {
    fn of(dsn: &'a str) -> Self {
        let (scheme, rest) = dsn.trim().split_once("://").unwrap_or(("", dsn));
        let (address, _options) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, address) = address.rsplit_once('@').unwrap_or(("", address));
        let (host, database) = address.split_once('/').unwrap_or((address, ""));
        let (kind, port) = if scheme.starts_with("postgres") { ("postgres", 5432) } else { ("mysql", 3306) };
        let host = host.replace("localhost", "127.0.0.1").to_ascii_lowercase();
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host } else { format!("{host}:{port}") };
        Self { server: (kind, host), user: login.split(':').next().unwrap_or_default(), database }
    }
}

/// What tells databases of libSQL apart: each has a host of its own, or a path.
fn database_of(url: &str) -> String {
    let (scheme, place) = url.split_once("://").unwrap_or(("", url));
    let usual = if scheme == "http" { ":80" } else { ":443" };
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let host = host.replace("localhost", "127.0.0.1").to_ascii_lowercase();
    let host = host.strip_suffix(usual).unwrap_or(&host);
    format!("{host}/{}", path.trim_end_matches('/'))
}

fn is_local(environment: Environment<'_>) -> Result<bool, SettingsError> {
    match environment("LOCAL_MODE").as_deref().map(str::trim) {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => {
            Err(SettingsError::Value { name: "LOCAL_MODE", expected: "true or false", found: scheme(other) })
        }
    }
}

/// What may be shown of a value that may hold a password.
pub(crate) fn scheme(value: &str) -> String {
    let (scheme, rest) = value.split_once(':').unwrap_or((value, ""));
    let shown: String = scheme.chars().take(24).collect();
    if rest.is_empty() && shown.len() == scheme.len() {
        format!("{shown:?}")
    } else {
        format!("{shown:?}…")
    }
}

const KV: &str = "memory, file, upstash, redis://host:port or rediss://host:port";

fn kv(
    url: Option<&Secret<String>>,
    environment: Environment<'_>,
    folder: &Path,
    local: bool,
    missing: &mut Vec<String>,
) -> Result<Option<KvSettings>, SettingsError> {
    let own = |url: &Secret<String>| url.expose().trim().to_owned();
    match url.map(own).as_deref() {
        Some("memory") => Ok(Some(KvSettings::Memory)),
        Some("file") => Ok(Some(KvSettings::File(folder.join("kv.redb")))),
        Some("upstash") => Ok(upstash(environment, missing)),
        Some(url) if ["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) => {
            Ok(Some(KvSettings::Redis(Secret::from(url.to_owned()))))
        }
        Some(other) => Err(SettingsError::Value { name: "PENSTOCK_KV", expected: KV, found: scheme(other) }),
        None if local => Ok(Some(KvSettings::File(folder.join("kv.redb")))),
        None => Ok(upstash(environment, missing)),
    }
}

fn upstash(environment: Environment<'_>, missing: &mut Vec<String>) -> Option<KvSettings> {
    let mut require = |name: &str, or: &str| {
        let value = environment(name);
        if value.is_none() {
            missing.push(format!("{name} is not set{or}"));
        }
        value
    };
    let url = require("UPSTASH_REDIS_REST_URL", " (or PENSTOCK_KV=redis://… for a Redis)");
    let token = require("UPSTASH_REDIS_REST_TOKEN", "");
    Some(KvSettings::Upstash { url: url?, token: Secret::from(token?) })
}

const DATABASE: &str = "sqlite:PATH, postgres://…, mysql://… or libsql://…";

fn database(
    dsn: Option<&Secret<String>>,
    environment: Environment<'_>,
    folder: &Path,
    local: bool,
    missing: &mut Vec<String>,
) -> Result<Option<DatabaseSettings>, SettingsError> {
    let Some(dsn) = dsn else {
        if !local {
            missing.push("PENSTOCK_STORAGE_DSN is not set (postgres://…)".to_owned());
        }
        return Ok(local.then(|| DatabaseSettings::Sqlite(folder.join("modules.db"))));
    };
    let text = dsn.expose().trim();
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    Ok(Some(match kind {
        "sqlite" if !rest.is_empty() => {
            DatabaseSettings::Sqlite(PathBuf::from(rest.strip_prefix("//").unwrap_or(rest)))
        }
        "postgres" | "postgresql" => DatabaseSettings::Postgres(dsn.clone()),
        "mysql" | "mariadb" => DatabaseSettings::Mysql(dsn.clone()),
        "libsql" | "http" | "https" => {
            let (url, token) = text.split_once("?authToken=").unwrap_or((text, ""));
            let token = Some(token.to_owned()).filter(|token| !token.is_empty());
            let token = token.or_else(|| environment("LIBSQL_AUTH_TOKEN")).map(Secret::from);
            DatabaseSettings::Libsql { url: url.replacen("libsql://", "https://", 1), token }
        }
        _ => {
            let (name, found) = ("PENSTOCK_STORAGE_DSN", scheme(text));
            return Err(SettingsError::Value { name, expected: DATABASE, found });
        }
    }))
}

#[cfg(test)]
mod tests;
