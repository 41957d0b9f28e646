//! `penstock.toml`: plain settings as text, lists as they are, unknown keys refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use penstock_core::{CredentialStrategy, RouteStrategy, Secret};
use penstock_gateway::health::BreakerSettings;
use penstock_providers::Price;
use serde::Deserialize;
use toml::{Table, Value};

use super::settings::{names, nearest, unknown};
use super::{ConfigError, Environment};
use crate::arguments::SettingFlags;

const DEFAULT_FILE: &str = "penstock.toml";
/// Settings that may stand as a list; elsewhere there are commas between the entries.
const LISTED: [&str; 2] = ["trusted_proxies", "cors_origins"];
const LISTS: [&str; 3] = ["providers", "routes", "aliases"];

/// What the file says.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Plain settings by their dotted names.
    pub(super) plain: BTreeMap<String, Secret<String>>,
    pub(super) lists: Lists,
}

/// The lists, in the shape of a bundle.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Lists {
    pub(super) providers: Vec<ProviderEntry>,
    pub(super) routes: Vec<RouteEntry>,
    pub(super) aliases: Vec<AliasEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderEntry {
    pub(super) name: String,
    /// The row of the provider table; the name itself if left out.
    pub(super) channel: Option<String>,
    pub(super) base_url: Option<String>,
    /// The proxy through which it is called, or where that is: `env:NAME`, `file:PATH`; or `direct`.
    #[serde(default, deserialize_with = "secret_or_none")]
    pub(super) proxy_url: Option<Secret<String>>,
    #[serde(default)]
    pub(super) credentials: Vec<CredentialEntry>,
    #[serde(default)]
    pub(super) models: Vec<ModelEntry>,
    /// Which of the credentials is taken; left out: in their order, the next only if one fails.
    pub(super) credential_strategy: Option<CredentialStrategy>,
    #[serde(default)]
    pub(super) circuit_breaker: BreakerSettings,
    #[serde(default)]
    pub(super) timeouts: TimeoutsEntry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialEntry {
    pub(super) name: String,
    /// The secret, or where it is: `env:NAME`, `file:PATH`.
    #[serde(deserialize_with = "secret")]
    pub(super) api_key: Secret<String>,
    #[serde(default = "one")]
    pub(super) weight: u64,
    /// Requests a minute.
    pub(super) rpm_limit: Option<u64>,
    /// Tokens a minute.
    pub(super) tpm_limit: Option<u64>,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelEntry {
    pub(super) id: String,
    pub(super) price: Option<PriceEntry>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(Secret::from)
}

fn secret_or_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret<String>>, D::Error> {
    secret(deserializer).map(Some)
}

/// USD per million tokens, as text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceEntry {
    input: penstock_core::Usd,
    output: penstock_core::Usd,
    cache_read: Option<penstock_core::Usd>,
    cache_write_5m: Option<penstock_core::Usd>,
    cache_write_1h: Option<penstock_core::Usd>,
}

impl PriceEntry {
    pub(super) fn price(&self) -> Price {
        let Self { input, output, cache_read, cache_write_5m, cache_write_1h } = *self;
        Price { input, output, cache_read, cache_write_5m, cache_write_1h, tiers: Vec::new() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteEntry {
    pub(super) name: String,
    #[serde(default = "in_order")]
    pub(super) strategy: RouteStrategy,
    pub(super) members: Vec<MemberEntry>,
    #[serde(default)]
    pub(super) timeouts: TimeoutsEntry,
    #[serde(default)]
    pub(super) on_loss: OnLossEntry,
}

/// What to do about a request that a member of another dialect cannot be given whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnLossEntry {
    #[default]
    Warn,
    Reject,
}

fn in_order() -> RouteStrategy {
    RouteStrategy::Failover
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberEntry {
    pub(super) provider: String,
    pub(super) model: String,
    #[serde(default)]
    pub(super) tier: i64,
    #[serde(default = "one")]
    pub(super) weight: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasEntry {
    /// The provider under which the name is asked for; left out: whatever is asked for without one.
    pub(super) provider: Option<String>,
    pub(super) alias: String,
    pub(super) target: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TimeoutsEntry {
    pub(super) connect: Option<String>,
    pub(super) first_byte: Option<String>,
    pub(super) idle: Option<String>,
    pub(super) total: Option<String>,
}

/// Reads the file that is named, or the one in the working folder if there is one.
pub(super) fn read(flags: &SettingFlags, environment: Environment<'_>) -> Result<Option<File>, ConfigError> {
    let named = flags.config.clone().or_else(|| environment("PENSTOCK_CONFIG").map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(path, &text).map(Some),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError::new(format!("{} cannot be read: {error}", path.display()))),
    }
}

pub(super) fn parse(path: PathBuf, text: &str) -> Result<File, ConfigError> {
    let place = path.display().to_string();
    let at = |error: toml::de::Error| ConfigError::new(format!("{place}{}", without_values(&error, text)));
    let mut table: Table = text.parse().map_err(at)?;
    let lists: Table = LISTS.iter().filter_map(|list| table.remove_entry(*list)).collect();
    // read from the text again, so that an error in a list names line and column
    let only_lists = if lists.is_empty() { Lists::default() } else { lists_of(text).map_err(at)? };
    let mut plain = BTreeMap::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                for (name, value) in inner {
                    take(&place, format!("{key}.{name}"), value, &mut plain)?;
                }
            }
            value => take(&place, key, value, &mut plain)?,
        }
    }
    Ok(File { path, plain, lists: only_lists })
}

/// Line, column and what is wrong, but none of the file's own text: a secret may stand in it.
fn without_values(error: &toml::de::Error, text: &str) -> String {
    let place = error.span().map_or_else(String::new, |span| {
        let before = &text[..span.start.min(text.len())];
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        format!(", line {}, column {column}", before.matches('\n').count() + 1)
    });
    let message = error.message();
    // "invalid type: string "the value", expected …" shows the value; the kind is enough
    let kinds = message.strip_prefix("invalid type: ").and_then(|kinds| kinds.rsplit_once(", expected "));
    let message = match kinds {
        Some(("map", "a sequence")) => {
            "found a table, expected a list: each entry has a heading of its own in double brackets, as `[[providers]]`"
                .to_owned()
        }
        Some((found, expected)) => {
            let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("invalid type: {kind}, expected {expected}")
        }
        None => message.to_owned(),
    };
    format!("{place}: {message}")
}

/// The lists of the file; what else stands in it is looked at elsewhere.
fn lists_of(text: &str) -> Result<Lists, toml::de::Error> {
    #[derive(Deserialize)]
    struct Whole {
        #[serde(default)]
        providers: Vec<ProviderEntry>,
        #[serde(default)]
        routes: Vec<RouteEntry>,
        #[serde(default)]
        aliases: Vec<AliasEntry>,
    }
    let Whole { providers, routes, aliases } = toml::from_str(text)?;
    Ok(Lists { providers, routes, aliases })
}

fn take(
    place: &str,
    name: String,
    value: Value,
    plain: &mut BTreeMap<String, Secret<String>>,
) -> Result<(), ConfigError> {
    if !names().any(|known| known == name) {
        // a key that stands in the wrong table is the likeliest mistake after a misspelling
        let last = name.rsplit('.').next().unwrap_or(&name);
        let elsewhere = names().find(|known| {
            known.rsplit('.').next() == Some(last) || nearest(last, [*known].into_iter()).is_some()
        });
        return Err(match elsewhere {
            Some(known) => {
                ConfigError::new(format!("{place}: unknown key `{name}`: did you mean `{known}`?"))
            }
            None => unknown(place, &name),
        });
    }
    let text = match value {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Array(entries) if LISTED.contains(&name.as_str()) => {
            let texts = entries.iter().map(|entry| entry.as_str().filter(|text| !text.contains(',')));
            let texts = texts.collect::<Option<Vec<_>>>();
            let bad =
                || ConfigError::new(format!("{place}: `{name}`: expected a list of texts without commas"));
            texts.ok_or_else(bad)?.join(",")
        }
        other => {
            let kind = other.type_str();
            return Err(ConfigError::new(format!(
                "{place}: `{name}`: expected a single value, found {kind}"
            )));
        }
    };
    plain.insert(name, Secret::from(text));
    Ok(())
}
