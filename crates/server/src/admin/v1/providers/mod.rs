//! Providers: configured upstreams.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{Alias, Change, Provider, Records};
use penstock_core::{CredentialStrategy, ProviderId, Timestamp};
use penstock_gateway::rules_of;
use penstock_providers::ProviderTable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Resource, Written, stands_for};
use super::schema::{any_object, words};

/// The channel of a provider that is no row of the provider table.
const CUSTOM: &str = "custom";
/// Headers in which a secret stands: those belong to credentials, which are sealed.
const SECRET_HEADERS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-auth-token",
];

pub(in super::super) struct Providers;

/// What a provider is made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ProviderBody {
    /// Its name in `provider/model` and in paths: letters, digits, `-`, `_` and `.`.
    name: String,
    /// The row of the provider table it follows, or `custom`.
    channel: String,
    /// What people call it.
    label: Option<String>,
    /// `base_url`, `headers`, `circuit_breaker`, `timeouts` and the like.
    #[serde(default = "no_settings")]
    #[schema(schema_with = any_object)]
    settings: Value,
    /// How one of its credentials is chosen.
    #[serde(default = "first_strategy")]
    #[schema(schema_with = words::<CredentialStrategy>)]
    credential_strategy: CredentialStrategy,
    /// The proxy through which it is reached: `http://`, `https://` or `socks5://`, with a login if it wants one;
    /// `direct` for none where the others have one. It wins over that of the settings.
    #[serde(default, skip_serializing_if = "Written::is_kept")]
    proxy_url: Written,
    /// Whether it is used.
    #[serde(default = "super::yes")]
    enabled: bool,
}

/// A provider.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct ProviderView {
    id: i64,
    name: String,
    channel: String,
    label: Option<String>,
    #[schema(schema_with = any_object)]
    settings: Value,
    #[schema(schema_with = words::<CredentialStrategy>)]
    credential_strategy: CredentialStrategy,
    /// Whether it has a proxy of its own.
    has_proxy_url: bool,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Providers {
    type Body = ProviderBody;
    type View = ProviderView;

    stands_for!(Provider in providers);
    const NAME: &'static str = "provider";
    const FILTERS: &'static [Filter] = &[Filter::Text("channel"), Filter::Flag("enabled")];
    const SECRETS: &'static [&'static str] = &["proxy_url"];

    fn name(record: &Provider, _: &Records) -> Option<String> {
        Some(record.name.clone())
    }

    fn view(record: &Provider, _: &Look) -> ProviderView {
        ProviderView {
            id: record.id.0,
            name: record.name.clone(),
            channel: record.channel.clone(),
            label: record.label.clone(),
            settings: record.settings.clone(),
            credential_strategy: record.credential_strategy,
            has_proxy_url: record.proxy_url.is_some(),
            enabled: record.enabled,
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &Provider) -> ProviderBody {
        ProviderBody {
            name: record.name.clone(),
            channel: record.channel.clone(),
            label: record.label.clone(),
            settings: record.settings.clone(),
            credential_strategy: record.credential_strategy,
            proxy_url: Written::Kept,
            enabled: record.enabled,
        }
    }

    fn record(body: ProviderBody, draft: &Draft<'_, Self>) -> Result<Provider, Problem> {
        check::provider_name("name", &body.name)?;
        check::proxy("proxy_url", &body.proxy_url)?;
        check_settings(&body.settings)?;
        let row = draft.state.parts.table.get(&body.channel);
        if row.is_none() && body.channel != CUSTOM {
            let known: Vec<_> = draft.state.parts.table.rows().map(|row| row.name.as_str()).collect();
            let expected =
                format!("expected `custom` or one of {}, found {:?}", known.join(", "), body.channel);
            return Err(Problem::field("channel", expected));
        }
        if body.settings["base_url"].is_null() && row.is_none_or(|row| row.base_url.is_none()) {
            return Err(Problem::field("settings", "expected a `base_url`, since the channel has none"));
        }
        let before = draft.before.and_then(|before| before.proxy_url.clone());
        Ok(Provider {
            id: ProviderId(draft.id),
            name: body.name,
            channel: body.channel,
            label: body.label,
            settings: body.settings,
            credential_strategy: body.credential_strategy,
            proxy_url: body.proxy_url.over(before),
            enabled: body.enabled,
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }

    /// A new one starts with the routing rules of its channel; the aliases of one that is renamed know it by its name.
    fn along(body: &ProviderBody, draft: &Draft<'_, Self>) -> Result<Vec<Change>, Problem> {
        let Some(before) = draft.before else {
            return Ok(seeds(&draft.state.parts.table, &body.channel, ProviderId(draft.id), draft.now()));
        };
        if before.name == body.name {
            return Ok(Vec::new());
        }
        let aliases = draft.look.records.aliases.iter().filter(|alias| alias.provider == before.name);
        let renamed =
            |alias: &Alias| Alias { provider: body.name.clone(), updated_at: draft.now(), ..alias.clone() };
        Ok(aliases.map(|alias| Change::Put(renamed(alias).into())).collect())
    }
}

/// The routing rules of a channel, for a provider.
pub(super) fn seeds(table: &ProviderTable, channel: &str, id: ProviderId, now: Timestamp) -> Vec<Change> {
    let rules = table.get(channel).map(rules_of).unwrap_or_default();
    // below the temporary id of the provider itself
    let numbered = rules.iter().zip((i64::MIN..=-2).rev());
    numbered.map(|(rule, number)| Change::Put(rule.record(number, id, now).into())).collect()
}

fn no_settings() -> Value {
    json!({})
}

fn first_strategy() -> CredentialStrategy {
    CredentialStrategy::RoundRobin
}

fn check_settings(settings: &Value) -> Result<(), Problem> {
    check::object("settings", settings)?;
    match &settings["base_url"] {
        Value::Null => {}
        Value::String(url) => check::base_url("settings.base_url", url)?,
        _ => return Err(Problem::field("settings.base_url", "expected a text")),
    }
    let Some(headers) = settings.get("headers") else { return Ok(()) };
    check::object("settings.headers", headers)?;
    for (name, value) in headers.as_object().into_iter().flatten() {
        let field = format!("settings.headers.{name}");
        let sound = name.parse::<http::HeaderName>().is_ok()
            && value.as_str().is_some_and(|value| value.parse::<http::HeaderValue>().is_ok());
        if !sound {
            return Err(Problem::field(&field, "expected a header and its value, a text of one line"));
        }
        if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Problem::field(
                &field,
                "expected no secret here: put it into a credential, which is sealed",
            ));
        }
    }
    Ok(())
}
