//! `penstock config`

use serde_json::json;

use super::modules;
use crate::config::Config;
use crate::output;

/// Says that the configuration holds; what does not hold was an error before, but for modules, which are only loaded
/// here.
pub(super) async fn check(config: &Config, json: bool) -> anyhow::Result<()> {
    modules::check_own(config).await?;
    if json {
        return output::json(&json!({"ok": true, "warnings": config.warnings}));
    }
    for warning in &config.warnings {
        output::note(format!("warning: {warning}"));
    }
    let file = config.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    output::line(format!(
        "the configuration is sound ({file}, {} providers, {} routes)",
        config.routing.providers.len(),
        config.routing.routes.len()
    ));
    Ok(())
}

/// Shows every setting, providers and routes.
pub(super) fn show(config: &Config, json: bool) -> anyhow::Result<()> {
    let providers = config.routing.providers.iter().zip(&config.provider_origins);
    if json {
        let providers: Vec<_> = providers
            .map(|(provider, (_, origin))| {
                json!({
                    "name": provider.name, "channel": provider.channel, "base_url": base_url(config, provider),
                    "credentials": provider.credentials.iter().map(|credential| &credential.name).collect::<Vec<_>>(),
                    "origin": origin,
                })
            })
            .collect();
        let routes: Vec<_> = config
            .routing
            .routes
            .iter()
            .map(|route| json!({"name": route.name, "members": members(route)}))
            .collect();
        let file = config.file.as_ref().map(|file| file.display().to_string());
        return output::json(
            &json!({"file": file, "settings": config.resolved, "providers": providers, "routes": routes}),
        );
    }
    let row = |row: &crate::config::Resolved| {
        vec![row.name.to_owned(), row.value.clone().unwrap_or_else(|| "-".to_owned()), row.origin.clone()]
    };
    output::table(&["setting", "value", "origin"], &[], config.resolved.iter().map(row));
    if !config.routing.providers.is_empty() {
        output::line("");
        let rows = providers.map(|(provider, (_, origin))| {
            let names: Vec<_> =
                provider.credentials.iter().map(|credential| credential.name.as_str()).collect();
            let names = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
            vec![
                provider.name.clone(),
                provider.channel.clone(),
                base_url(config, provider),
                names,
                origin.clone(),
            ]
        });
        output::table(&["provider", "channel", "base url", "credentials", "origin"], &[], rows);
    }
    if !config.routing.routes.is_empty() {
        output::line("");
        let rows =
            config.routing.routes.iter().map(|route| vec![route.name.clone(), members(route).join(" → ")]);
        output::table(&["route", "members"], &[], rows);
    }
    Ok(())
}

fn base_url(config: &Config, provider: &penstock_gateway::ProviderSpec) -> String {
    let row = config.table.get(&provider.channel).and_then(|row| row.base_url.clone());
    provider.base_url.clone().or(row).unwrap_or_default()
}

fn members(route: &penstock_gateway::RouteSpec) -> Vec<String> {
    route.members.iter().map(|member| format!("{}/{}", member.provider, member.model)).collect()
}
