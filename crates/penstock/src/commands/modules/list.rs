//! `penstock modules list`

use anyhow::Context as _;
use penstock_pipeline::{Factory, Hook, PipelineSpec};
use serde::Serialize;
use serde_json::Value;

use super::sources;
use crate::config::Config;
use crate::output;

/// A module that there is.
#[derive(Serialize)]
struct Listed {
    name: String,
    version: Option<String>,
    hooks: Vec<&'static str>,
    source: String,
    state: String,
}

/// Lists the modules that there are, used or not, and the files that cannot be read as any.
pub(in super::super) async fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let sources = sources(config);
    let discovered = sources.discover().await?;
    let spec = config.pipeline.read()?;
    let mut listed = Vec::new();
    for factory in discovered.registry.iter() {
        listed.push(of(&**factory, &spec).await);
    }
    listed.extend(discovered.broken.iter().map(|broken| Listed {
        name: broken.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        version: None,
        hooks: Vec::new(),
        source: broken.path.display().to_string(),
        state: format!("broken: {}", broken.problem),
    }));
    if json {
        return output::json(&listed);
    }
    let row = |listed: &Listed| {
        let hooks = if listed.hooks.is_empty() { "-".to_owned() } else { listed.hooks.join(" ") };
        let version = listed.version.clone().unwrap_or_else(|| "-".to_owned());
        vec![listed.name.clone(), version, hooks, listed.source.clone(), listed.state.clone()]
    };
    output::table(&["name", "version", "hooks", "source", "state"], &[], listed.iter().map(row));
    // one that runs and could not is what somebody has to hear of
    sources.check(&discovered, &spec).await.context("the pipeline cannot run")
}

/// What a module says of itself with its configuration in the pipeline, or with none.
async fn of(factory: &dyn Factory, spec: &PipelineSpec) -> Listed {
    let is_it = |name: String| name == factory.name();
    let runs = spec.entries.iter().find(|entry| is_it(entry.module.to_string()));
    let may_run = spec.available.iter().find(|entry| is_it(entry.module.to_string()));
    let config = runs.or(may_run).map_or(Value::Null, |entry| entry.config.clone());
    let made = factory.make(&config).await;
    let module = made.as_ref().ok();
    let state = match (&made, runs, may_run) {
        (Err(problem), None, None) => format!("wants a configuration: {problem}"),
        (Err(problem), _, _) => format!("broken: {problem}"),
        (Ok(_), Some(_), _) => "in the pipeline".to_owned(),
        (Ok(_), None, Some(_)) => "available".to_owned(),
        (Ok(_), None, None) => "not used".to_owned(),
    };
    Listed {
        name: factory.name().to_owned(),
        version: module.map(|module| module.version().to_owned()),
        hooks: module.map(|module| module.hooks().iter().map(Hook::as_str).collect()).unwrap_or_default(),
        source: factory.origin().to_string(),
        state,
    }
}
