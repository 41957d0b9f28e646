//! What the settings of records hold, which are JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use penstock_core::{Secret, Usd};
use penstock_providers::{Price, Tier};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::health::BreakerSettings;
use crate::{OnLoss, TimeoutOverrides};

/// The settings of a provider that routing needs; others are other people's business.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProviderSettings {
    pub(super) base_url: Option<String>,
    #[serde(deserialize_with = "headers")]
    pub(super) headers: Vec<(String, Secret<String>)>,
    pub(super) timeouts: TimeoutSettings,
    pub(super) circuit_breaker: BreakerSettings,
}

/// The settings of a route that routing needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RouteSettings {
    pub(super) timeouts: TimeoutSettings,
    pub(super) on_loss: OnLossSetting,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnLossSetting {
    #[default]
    Warn,
    Reject,
}

impl From<OnLossSetting> for OnLoss {
    fn from(setting: OnLossSetting) -> Self {
        match setting {
            OnLossSetting::Warn => Self::Warn,
            OnLossSetting::Reject => Self::Reject,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TimeoutSettings {
    #[serde(deserialize_with = "duration")]
    connect: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    first_byte: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    idle: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    total: Option<Duration>,
}

impl From<TimeoutSettings> for TimeoutOverrides {
    fn from(settings: TimeoutSettings) -> Self {
        let TimeoutSettings { connect, first_byte, idle, total } = settings;
        Self { connect, first_byte, idle, total }
    }
}

/// As it is written; what is left out is as usual.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BreakerEntry {
    enabled: Option<bool>,
    consecutive_failures: Option<u32>,
    error_rate: Option<f64>,
    min_requests: Option<u32>,
    #[serde(deserialize_with = "duration")]
    window: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    cool_down: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    max_cool_down: Option<Duration>,
}

impl<'de> Deserialize<'de> for BreakerSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (entry, usual) = (BreakerEntry::deserialize(deserializer)?, Self::default());
        if entry.enabled == Some(false) {
            return Ok(Self { consecutive_failures: 0, error_rate: f64::INFINITY, ..usual });
        }
        let error_rate = entry.error_rate.unwrap_or(usual.error_rate);
        if !(error_rate > 0.0 && error_rate <= 1.0) {
            return Err(D::Error::custom("error_rate: expected a share above 0 and up to 1, such as 0.5"));
        }
        let cool_down = entry.cool_down.unwrap_or(usual.cool_down);
        let max_cool_down = entry.max_cool_down.unwrap_or(usual.max_cool_down.max(cool_down));
        if max_cool_down < cool_down {
            return Err(D::Error::custom("max_cool_down: expected at least cool_down"));
        }
        Ok(Self {
            consecutive_failures: entry.consecutive_failures.unwrap_or(usual.consecutive_failures),
            error_rate,
            min_requests: entry.min_requests.unwrap_or(usual.min_requests),
            window: entry.window.unwrap_or(usual.window),
            cool_down,
            max_cool_down,
        })
    }
}

/// Prices as a model's record has them: decimal texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pricing {
    input: Usd,
    output: Usd,
    cache_read: Option<Usd>,
    cache_write_5m: Option<Usd>,
    cache_write_1h: Option<Usd>,
    #[serde(default)]
    tiers: Vec<Tier>,
}

/// A price, or what is wrong with it.
pub(super) fn price(pricing: &Value) -> Result<Price, String> {
    let Pricing { input, output, cache_read, cache_write_5m, cache_write_1h, mut tiers } = read(pricing)?;
    let amounts = [Some(input), Some(output), cache_read, cache_write_5m, cache_write_1h];
    let tiered = tiers.iter().flat_map(|tier| {
        [Some(tier.input), Some(tier.output), tier.cache_read, tier.cache_write_5m, tier.cache_write_1h]
    });
    if amounts.into_iter().chain(tiered).flatten().any(Usd::is_negative) {
        return Err("expected prices of zero or more".to_owned());
    }
    tiers.sort_by_key(|tier| tier.above);
    Ok(Price { input, output, cache_read, cache_write_5m, cache_write_1h, tiers })
}

/// Reads settings; an error names the setting and what was expected, but not what stands there, since that
/// may be secret.
pub(super) fn read<T: DeserializeOwned>(settings: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(settings).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        let shows_it = message.starts_with("invalid");
        let message = match message.rsplit_once(", expected ") {
            Some((_, expected)) if shows_it => format!("expected {expected}"),
            _ => message,
        };
        if path == "." { message } else { format!("{path}: {message}") }
    })
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    match humantime::parse_duration(&text) {
        Ok(duration) if !duration.is_zero() => Ok(Some(duration)),
        _ => Err(D::Error::custom("expected a duration such as 250ms, 30s or 5m")),
    }
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Secret<String>)>, D::Error> {
    let headers = Option::<BTreeMap<String, String>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(headers.into_iter().map(|(name, value)| (name, Secret::from(value))).collect())
}
