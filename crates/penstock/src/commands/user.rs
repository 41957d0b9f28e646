//! `penstock user`

use penstock_control::accounts::{NewUser, add_user};
use penstock_control::{ControlStore, Records, Scope, User};
use penstock_core::{Clock, SystemClock};
use serde_json::json;

use super::{open_existing, open_store, when};
use crate::config::Config;
use crate::output;

/// Adds a user, and says what it may use.
pub(super) async fn add(
    config: &Config,
    name: String,
    allow: Vec<String>,
    is_admin: bool,
    json: bool,
) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let everything = allow.is_empty();
    let permissions = if everything { vec!["*".to_owned()] } else { allow };
    let new = NewUser { name, is_admin, permissions };
    let id = add_user(&store, &new, SystemClock.now()).await?;
    store.close().await?;
    if json {
        return output::json(&json!({"id": id, "name": new.name, "permissions": new.permissions}));
    }
    let may = if everything {
        "every model (`*`; limit it with --allow)".to_owned()
    } else {
        new.permissions.join(", ")
    };
    output::line(format!("added user {:?} (id {id}); it may use {may}", new.name));
    output::note(format!("next: penstock key create --user {:?}", new.name));
    Ok(())
}

/// Lists users.
pub(super) async fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let store = open_existing(config).await?;
    let records = store.load().await?.records;
    store.close().await?;
    if json {
        let users: Vec<_> = records
            .users
            .iter()
            .map(|user| {
                json!({
                    "id": user.id, "name": user.name, "is_admin": user.is_admin, "enabled": user.enabled,
                    "permissions": permissions(user, &records), "created_at": user.created_at,
                })
            })
            .collect();
        return output::json(&users);
    }
    let row = |user: &User| {
        let keys = records.keys.iter().filter(|key| key.user_id == user.id && key.enabled).count();
        vec![
            user.id.to_string(),
            user.name.clone(),
            if user.enabled { "yes" } else { "no" }.to_owned(),
            keys.to_string(),
            permissions(user, &records).join(", "),
            when::show(user.created_at),
        ]
    };
    output::table(
        &["id", "name", "enabled", "keys", "may use", "created"],
        &[0, 3],
        records.users.iter().map(row),
    );
    Ok(())
}

fn permissions(user: &User, records: &Records) -> Vec<String> {
    let scope = Scope::User(user.id);
    let granted = records.permissions.iter().filter(|permission| permission.scope == scope);
    granted.map(|permission| permission.route_pattern.clone()).collect()
}
