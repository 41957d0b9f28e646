//! The table of plain settings, and their values.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use penstock_control::Dsn;
use penstock_core::Secret;
use serde::Serialize;

use super::file::File;
use super::{ConfigError, Environment, parse_bytes, parse_duration, secret_file};
use crate::arguments::SettingFlags;

/// One setting: its name in the file (a dot stands for a table) and its default. Its environment
/// variable is `PENSTOCK_` and the name in capitals.
struct Setting {
    name: &'static str,
    default: Option<&'static str>,
    secret: bool,
}

const fn setting(name: &'static str, default: &'static str) -> Setting {
    Setting { name, default: Some(default), secret: false }
}

const SETTINGS: &[Setting] = &[
    setting("host", "127.0.0.1"),
    setting("port", "8787"),
    setting("data_dir", "./data"),
    Setting { name: "admin_key", default: None, secret: true },
    setting("admin_user", "admin"),
    Setting { name: "admin_password", default: None, secret: true },
    setting("insecure_cookies", "false"),
    Setting { name: "trusted_proxies", default: None, secret: false },
    Setting { name: "cors_origins", default: None, secret: false },
    Setting { name: "upstream_proxy_url", default: None, secret: true },
    setting("byok", "false"),
    setting("max_body", "100MiB"),
    setting("max_in_flight", "10000"),
    setting("max_attempts", "3"),
    setting("on_client_gone", "cancel"),
    setting("drain", "30s"),
    setting("timeouts.connect", "10s"),
    setting("timeouts.first_byte", "5m"),
    setting("timeouts.idle", "2m"),
    setting("timeouts.total", "1h"),
    setting("client.head_timeout", "75s"),
    setting("client.body_grace", "30s"),
    setting("client.body_rate", "16KiB"),
    setting("client.write_stall", "5m"),
    setting("journal.max_bytes", "1GiB"),
    setting("journal.when_full", "block_new"),
    setting("journal.durability", "group"),
    Setting { name: "master_key", default: None, secret: true },
    Setting { name: "master_key_previous", default: None, secret: true },
    setting("persistence", "db"),
    // secret, since a password may stand in a URL
    Setting { name: "dsn", default: None, secret: true },
    Setting { name: "dsn_token", default: None, secret: true },
    Setting { name: "kv", default: None, secret: true },
    Setting { name: "storage_dsn", default: None, secret: true },
    Setting { name: "blob", default: None, secret: true },
    Setting { name: "provider_table", default: None, secret: false },
    Setting { name: "catalogue", default: None, secret: false },
    Setting { name: "instance_id", default: None, secret: false },
    setting("retention.interval", "10m"),
    Setting { name: "pipe", default: None, secret: false },
    Setting { name: "pipe_file", default: None, secret: false },
    setting("pipe_header", "false"),
    setting("modules_dir", "./modules"),
    Setting { name: "modules.fetch_hosts", default: None, secret: false },
    setting("modules.memory", "64MiB"),
    setting("modules.stretch", "250ms"),
    Setting { name: "import_file", default: None, secret: false },
    setting("log_format", "auto"),
];

/// Variables that are no settings: read elsewhere, or what clients of this gateway are often given.
const OTHER_VARIABLES: &[&str] = &["PENSTOCK_CONFIG", "PENSTOCK_URL", "PENSTOCK_KEY"];

/// Settings that GPROXY has as well, each with the name of its variable there: whoever comes from it changes the
/// binary and keeps the environment.
const GPROXY_VARIABLES: &[(&str, &str)] = &[
    ("host", "GPROXY_HOST"),
    ("port", "GPROXY_PORT"),
    ("data_dir", "GPROXY_DATA_DIR"),
    ("persistence", "GPROXY_PERSISTENCE"),
    ("dsn", "GPROXY_DSN"),
    ("master_key", "GPROXY_MASTER_KEY"),
    ("kv", "GPROXY_REDIS_URL"),
    ("instance_id", "GPROXY_INSTANCE_ID"),
    ("admin_user", "GPROXY_ADMIN_USER"),
    ("admin_password", "GPROXY_ADMIN_PASSWORD"),
    ("insecure_cookies", "GPROXY_INSECURE_COOKIES"),
    ("trusted_proxies", "GPROXY_TRUSTED_PROXIES"),
    ("cors_origins", "GPROXY_CORS_ORIGINS"),
    ("upstream_proxy_url", "GPROXY_UPSTREAM_PROXY_URL"),
    ("import_file", "GPROXY_IMPORT_FILE"),
    ("max_attempts", "GPROXY_MAX_ATTEMPTS"),
    ("max_in_flight", "GPROXY_MAX_IN_FLIGHT"),
];

/// The same for those who come from prxy.
const PRXY_VARIABLES: &[(&str, &str)] = &[("pipe", "PRXY_PIPE"), ("pipe_file", "PRXY_PIPE_FILE")];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything.
    Default,
    /// This line of the configuration file, by its name.
    File(String),
    /// This environment variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A setting with its value, fit to be shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Resolved {
    pub(crate) name: &'static str,
    pub(crate) value: Option<String>,
    pub(crate) origin: String,
}

struct Value {
    text: Secret<String>,
    origin: Origin,
}

/// The value of every setting that has one.
pub(super) struct Values(BTreeMap<&'static str, Value>);

/// The names of all settings, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

fn variable(name: &str) -> String {
    format!("PENSTOCK_{}", name.replace('.', "_").to_uppercase())
}

/// Flags over environment over file over default.
pub(super) fn resolve(
    flags: &SettingFlags,
    environment: Environment<'_>,
    file: Option<&File>,
) -> Result<Values, ConfigError> {
    let flagged = flagged(flags)?;
    let mut values = BTreeMap::new();
    for setting in SETTINGS {
        let name = variable(setting.name);
        let twin = format!("{name}_FILE");
        let value = if let Some((flag, text)) = flagged.get(setting.name) {
            Some((Secret::from(text.clone()), Origin::Flag(flag.clone())))
        } else if let Some(text) = environment(&name) {
            Some((Secret::from(text), Origin::Variable(name)))
        } else if let Some(path) = environment(&twin).filter(|_| setting.secret) {
            Some((secret_file(&twin, &path)?, Origin::Variable(twin)))
        } else if let Some((name, text)) = from_others(setting.name, environment) {
            Some((Secret::from(text), Origin::Variable(name.to_owned())))
        } else if let Some(text) = file.and_then(|file| file.plain.get(setting.name)) {
            let path = file.map(|file| file.path.display().to_string()).unwrap_or_default();
            Some((text.clone(), Origin::File(path)))
        } else {
            setting.default.map(|text| (Secret::from(text.to_owned()), Origin::Default))
        };
        values.extend(value.map(|(text, origin)| (setting.name, Value { text, origin })));
    }
    turso(&mut values, environment);
    Ok(Values(values))
}

/// The value of another product's variable for a setting.
fn from_others(setting: &str, environment: Environment<'_>) -> Option<(&'static str, String)> {
    let mut named = GPROXY_VARIABLES.iter().chain(PRXY_VARIABLES).filter(|(name, _)| *name == setting);
    named.find_map(|(_, variable)| Some((*variable, environment(variable)?)))
}

/// What people have set for Turso already: the database if no other is named, and the token if it is for one of
/// libSQL that has none.
fn turso(values: &mut BTreeMap<&'static str, Value>, environment: Environment<'_>) {
    let from = |name: &str| {
        let text = environment(name)?;
        Some(Value { text: Secret::from(text), origin: Origin::Variable(name.to_owned()) })
    };
    let in_files = values.get("persistence").is_some_and(|value| value.text.expose() == "file");
    if !values.contains_key("dsn") && !in_files {
        values.extend(from("TURSO_URL").map(|value| ("dsn", value)));
    }
    let wants_token = |dsn: &Value| {
        let dsn = Dsn::parse(&dsn.text);
        matches!(dsn, Ok(Dsn::Libsql { token: None, .. }))
    };
    if values.get("dsn").is_some_and(wants_token) && !values.contains_key("dsn_token") {
        values.extend(from("TURSO_TOKEN").map(|value| ("dsn_token", value)));
    }
}

/// The settings that flags name, each with the flag.
fn flagged(flags: &SettingFlags) -> Result<BTreeMap<&'static str, (String, String)>, ConfigError> {
    let mut flagged = BTreeMap::new();
    for pair in &flags.set {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| ConfigError::new(format!("--set: expected NAME=VALUE, found {pair:?}")))?;
        let name =
            names().find(|known| *known == name.trim()).ok_or_else(|| unknown("--set", name.trim()))?;
        flagged.insert(name, (format!("--set {name}"), value.to_owned()));
    }
    let own = [
        ("host", &flags.host),
        ("port", &flags.port),
        ("data_dir", &flags.data_dir),
        ("persistence", &flags.persistence),
        ("pipe", &flags.pipe),
        ("pipe_file", &flags.pipe_file),
        ("modules_dir", &flags.modules_dir),
        ("max_body", &flags.max_body),
        ("max_in_flight", &flags.max_in_flight),
    ];
    for (name, value) in own {
        let flag = format!("--{}", name.replace('_', "-"));
        flagged.extend(value.clone().map(|value| (name, (flag, value))));
    }
    Ok(flagged)
}

/// The error for a name that is no setting, with what may have been meant.
pub(super) fn unknown(place: &str, name: &str) -> ConfigError {
    let lists = ["providers", "routes", "aliases"];
    let near = nearest(name, names().chain(lists));
    let hint = near.map_or_else(
        || "`penstock config show` lists what there is".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    ConfigError::new(format!("{place}: unknown key `{name}`: {hint}"))
}

/// The known name most like `name`, if any is much alike.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// Warnings for variables that look like settings and are none.
pub(super) fn unknown_variables() -> Vec<String> {
    let twin = |setting: &Setting| setting.secret.then(|| format!("{}_FILE", variable(setting.name)));
    let known: Vec<_> = names().map(variable).chain(SETTINGS.iter().filter_map(twin)).collect();
    let is_known = |name: &str| {
        known.iter().any(|known| known == name)
            || OTHER_VARIABLES.contains(&name)
            || GPROXY_VARIABLES.iter().any(|(_, known)| *known == name)
    };
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| {
            ["PENSTOCK_", "GPROXY_"].iter().any(|prefix| name.starts_with(prefix)) && !is_known(name)
        })
        .map(|name| match nearest(&name, known.iter().map(String::as_str)) {
            Some(near) => {
                format!("the variable {name} is no setting and has no effect: did you mean {near}?")
            }
            None => format!("the variable {name} is no setting and has no effect"),
        })
        .collect()
}

impl Values {
    /// The error for a value that cannot be used.
    pub(super) fn bad(&self, name: &str, expected: &str) -> ConfigError {
        let secret = SETTINGS.iter().any(|setting| setting.name == name && setting.secret);
        let (found, origin) = self.0.get(name).map_or(("", &Origin::Default), |value| {
            (if secret { "[hidden]" } else { value.text.expose().as_str() }, &value.origin)
        });
        ConfigError::new(format!("{name} ({origin}): expected {expected}, found {found:?}"))
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.text.expose().as_str())
    }

    /// Where the value comes from, in words.
    pub(super) fn origin(&self, name: &str) -> String {
        self.0.get(name).map_or_else(String::new, |value| value.origin.to_string())
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, ConfigError> {
        self.find(name)
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| self.bad(name, "a value that is not empty"))
    }

    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret<String>>, ConfigError> {
        match self.0.get(name) {
            Some(value) if value.text.expose().trim().len() < 16 => {
                Err(self.bad(name, "a secret of at least 16 characters"))
            }
            value => Ok(value.map(|value| value.text.clone())),
        }
    }

    /// A setting in which a password may stand, as in a URL.
    pub(super) fn url(&self, name: &str) -> Option<Secret<String>> {
        self.0.get(name).map(|value| value.text.clone())
    }

    pub(super) fn get<T: FromStr>(&self, name: &str) -> Result<T, ConfigError> {
        let expected = match std::any::type_name::<T>() {
            "bool" => "true or false",
            "u16" => "a number from 0 to 65535",
            _ => "a whole number",
        };
        self.text(name)?.trim().parse().map_err(|_| self.bad(name, expected))
    }

    pub(super) fn at_least<T: FromStr + PartialOrd + fmt::Display + Copy>(
        &self,
        name: &str,
        least: T,
    ) -> Result<T, ConfigError> {
        let value = self.get::<T>(name)?;
        if value < least { Err(self.bad(name, &format!("at least {least}"))) } else { Ok(value) }
    }

    /// The entries of a list, which has commas between them; none where it is not set.
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let entries = self.find(name).unwrap_or_default().split(',');
        entries.map(str::trim).filter(|entry| !entry.is_empty())
    }

    pub(super) fn duration(&self, name: &str) -> Result<Duration, ConfigError> {
        parse_duration(self.text(name)?)
            .filter(|duration| !duration.is_zero())
            .ok_or_else(|| self.bad(name, "a duration such as 250ms, 30s, 5m or 1h"))
    }

    pub(super) fn bytes(&self, name: &str) -> Result<u64, ConfigError> {
        parse_bytes(self.text(name)?)
            .filter(|size| *size > 0)
            .ok_or_else(|| self.bad(name, "a size such as 512KiB, 100MiB or 1GiB"))
    }

    pub(super) fn choice<T: Clone>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.text(name)?.trim();
        let chosen = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| value.clone());
        chosen.ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
            self.bad(name, &format!("one of {}", names.join(", ")))
        })
    }

    /// Every setting, in the order of the table, fit to be shown.
    pub(super) fn into_rows(self) -> Vec<Resolved> {
        let row = |setting: &Setting| {
            let value = self.0.get(setting.name);
            Resolved {
                name: setting.name,
                value: value.map(|value| {
                    if setting.secret { "[hidden]".to_owned() } else { value.text.expose().clone() }
                }),
                origin: value.map_or_else(|| "unset".to_owned(), |value| value.origin.to_string()),
            }
        };
        SETTINGS.iter().map(row).collect()
    }
}
