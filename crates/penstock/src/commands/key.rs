//! `penstock key`

use anyhow::Context;
use penstock_control::accounts::{NewKey, create_key, revoke_key};
use penstock_control::{ControlStore, UserKey};
use penstock_core::{Clock, SystemClock, Timestamp};
use serde_json::json;

use super::{open_existing, open_store, when};
use crate::config::Config;
use crate::output;

/// Makes a key. The key alone goes to standard output, so that a script can take it.
pub(super) async fn create(
    config: &Config,
    user: &str,
    label: Option<String>,
    expires: Option<&str>,
    json: bool,
) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let expires_at = expires
        .map(|text| {
            let duration = humantime::parse_duration(text);
            duration.map(|duration| now.plus(duration)).with_context(|| {
                format!("--expires: expected a duration from now such as 12h or 90d, found {text:?}")
            })
        })
        .transpose()?;
    let store = open_store(config).await?;
    let (key, secret) = create_key(&store, user, NewKey { label, expires_at }, now).await?;
    store.close().await?;
    // the one time it is shown
    let secret = secret.expose();
    if json {
        return output::json(
            &json!({"id": key.id, "prefix": key.prefix, "expires_at": key.expires_at, "key": secret}),
        );
    }
    output::note(format!("made key {} for user {user:?}; it is shown this once:", key.id));
    output::line(secret);
    Ok(())
}

/// Revokes a key.
pub(super) async fn revoke(config: &Config, key: &str, json: bool) -> anyhow::Result<()> {
    let store = open_existing(config).await?;
    let key = revoke_key(&store, key, SystemClock.now()).await?;
    store.close().await?;
    if json {
        return output::json(&json!({"id": key.id, "prefix": key.prefix, "enabled": key.enabled}));
    }
    output::line(format!(
        "revoked key {} ({}…); a running gateway refuses it within a second",
        key.id, key.prefix
    ));
    Ok(())
}

/// Lists keys.
pub(super) async fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_existing(config).await?;
    let records = store.load().await?.records;
    store.close().await?;
    let owner = |key: &UserKey| {
        let user = records.users.iter().find(|user| user.id == key.user_id);
        user.map_or_else(|| "?".to_owned(), |user| user.name.clone())
    };
    let now = SystemClock.now();
    if json {
        let keys: Vec<_> = records
            .keys
            .iter()
            .map(|key| {
                json!({
                    "id": key.id, "prefix": key.prefix, "user": owner(key), "label": key.label,
                    "state": state(key, now), "expires_at": key.expires_at, "created_at": key.created_at,
                })
            })
            .collect();
        return output::json(&keys);
    }
    let row = |key: &UserKey| {
        vec![
            key.id.to_string(),
            format!("{}…", key.prefix),
            owner(key),
            key.label.clone().unwrap_or_else(|| "-".to_owned()),
            state(key, now).to_owned(),
            key.expires_at.map_or_else(|| "never".to_owned(), when::show),
        ]
    };
    output::table(&["id", "key", "user", "label", "state", "expires"], &[0], records.keys.iter().map(row));
    Ok(())
}

fn state(key: &UserKey, now: Timestamp) -> &'static str {
    match key.expires_at {
        _ if !key.enabled => "revoked",
        Some(at) if at <= now => "expired",
        _ => "active",
    }
}
