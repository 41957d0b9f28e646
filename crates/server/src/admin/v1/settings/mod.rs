//! Settings of the whole set-up that are changed while it runs.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

use penstock_control::{InstanceSettings, Records};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::check;
use super::problem::Problem;
use super::resource::{Draft, Filter, Look, Resource, Written, stands_for};
use super::schema::Count;

pub(in super::super) struct Settings;

/// What settings are made of.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(in super::super) struct SettingsBody {
    /// The instance; `default` holds for all that have none of their own.
    instance_name: String,
    /// Whether usage rows are kept.
    #[serde(default = "super::yes")]
    usage_enabled: bool,
    /// Whether requests of clients are logged.
    #[serde(default)]
    log_downstream: bool,
    /// Whether requests to providers are logged.
    #[serde(default)]
    log_upstream: bool,
    /// Whether logs hold bodies.
    #[serde(default)]
    capture_bodies: bool,
    /// Bytes of a body that are kept at the most.
    capture_max_bytes: Option<Count>,
    /// Names of headers and JSON fields that logs leave out.
    redaction: Option<Vec<String>>,
    /// Days for which usage rows and logs are kept; absent: for ever.
    retention_days: Option<Count>,
    /// Days for which captured bodies are kept.
    body_retention_days: Option<Count>,
    /// Megabytes the database may have before old logs are removed.
    max_database_mb: Option<Count>,
    /// The proxy through which providers are reached that have none of their own.
    #[serde(default, skip_serializing_if = "Written::is_kept")]
    proxy_url: Written,
}

/// The settings of an instance; their name is that of the instance.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(in super::super) struct SettingsView {
    id: i64,
    instance_name: String,
    usage_enabled: bool,
    log_downstream: bool,
    log_upstream: bool,
    capture_bodies: bool,
    capture_max_bytes: Option<u64>,
    redaction: Option<Vec<String>>,
    retention_days: Option<u64>,
    body_retention_days: Option<u64>,
    max_database_mb: Option<u64>,
    /// Whether there is a proxy.
    has_proxy_url: bool,
    created_at: i64,
    updated_at: i64,
}

impl Resource for Settings {
    type Body = SettingsBody;
    type View = SettingsView;

    stands_for!(InstanceSettings in settings);
    const NAME: &'static str = "settings";
    const FILTERS: &'static [Filter] = &[];
    const SECRETS: &'static [&'static str] = &["proxy_url"];

    fn name(record: &InstanceSettings, _: &Records) -> Option<String> {
        Some(record.instance_name.clone())
    }

    fn view(record: &InstanceSettings, _: &Look) -> SettingsView {
        SettingsView {
            id: record.id,
            instance_name: record.instance_name.clone(),
            usage_enabled: record.usage_enabled,
            log_downstream: record.log_downstream,
            log_upstream: record.log_upstream,
            capture_bodies: record.capture_bodies,
            capture_max_bytes: record.capture_max_bytes,
            redaction: names(record),
            retention_days: record.retention_days,
            body_retention_days: record.body_retention_days,
            max_database_mb: record.max_database_mb,
            has_proxy_url: record.proxy_url.is_some(),
            created_at: record.created_at.0,
            updated_at: record.updated_at.0,
        }
    }

    fn body(record: &InstanceSettings) -> SettingsBody {
        SettingsBody {
            instance_name: record.instance_name.clone(),
            usage_enabled: record.usage_enabled,
            log_downstream: record.log_downstream,
            log_upstream: record.log_upstream,
            capture_bodies: record.capture_bodies,
            capture_max_bytes: record.capture_max_bytes.map(Count),
            redaction: names(record),
            retention_days: record.retention_days.map(Count),
            body_retention_days: record.body_retention_days.map(Count),
            max_database_mb: record.max_database_mb.map(Count),
            proxy_url: Written::Kept,
        }
    }

    fn record(body: SettingsBody, draft: &Draft<'_, Self>) -> Result<InstanceSettings, Problem> {
        check::own_name("instance_name", &body.instance_name)?;
        check::proxy("proxy_url", &body.proxy_url)?;
        for name in body.redaction.iter().flatten() {
            check::name("redaction", name)?;
        }
        for (field, days) in
            [("retention_days", body.retention_days), ("body_retention_days", body.body_retention_days)]
        {
            if days.is_some_and(|days| !(1..=36_500).contains(&days.0)) {
                return Err(Problem::field(field, "expected 1 to 36500 days, or null to keep them for ever"));
            }
        }
        let before = draft.before.and_then(|before| before.proxy_url.clone());
        Ok(InstanceSettings {
            id: draft.id,
            instance_name: body.instance_name,
            usage_enabled: body.usage_enabled,
            log_downstream: body.log_downstream,
            log_upstream: body.log_upstream,
            capture_bodies: body.capture_bodies,
            capture_max_bytes: body.capture_max_bytes.map(|count| count.0),
            redaction: body.redaction.map(Value::from),
            retention_days: body.retention_days.map(|count| count.0),
            body_retention_days: body.body_retention_days.map(|count| count.0),
            max_database_mb: body.max_database_mb.map(|count| count.0),
            proxy_url: body.proxy_url.over(before),
            created_at: draft.created_at,
            updated_at: draft.now(),
        })
    }
}

fn names(record: &InstanceSettings) -> Option<Vec<String>> {
    record.redaction.clone().and_then(|names| serde_json::from_value(names).ok())
}
