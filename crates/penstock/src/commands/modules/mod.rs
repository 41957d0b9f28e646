//! The modules of this process: made at start, made again when a file changes or on SIGHUP; and `penstock modules`.

mod list;
mod new;
mod test;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use penstock_control::bundle::Bundle;
use penstock_gateway::{LivePipelines, LoadError, PipelineOptions};
use penstock_pipeline::{ModuleSources, Modules, PipelineSpec};
use penstock_scripting::ScriptLoader;
use penstock_storage::StorageAdapter;
use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;

pub(super) use self::list::list;
pub(super) use self::new::new;
pub(super) use self::test::test;
use crate::config::Config;

const CANNOT_RUN: &str = "the pipeline cannot run";
/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Makes the pipelines of that configuration. What does not hold in them is a reason not to start.
pub(super) async fn load(config: &Config, storage: &StorageAdapter) -> anyhow::Result<Arc<LivePipelines>> {
    let options = PipelineOptions { source: config.pipeline.clone(), allow_header: config.pipe_header };
    let pipelines = LivePipelines::load(Modules::new(sources(config), storage.clone()), options).await;
    let pipelines = pipelines.context(CANNOT_RUN)?;
    let (loaded, discovered) = (pipelines.current(), pipelines.discovered());
    for broken in &discovered.broken {
        tracing::warn!(file = %broken.path.display(), problem = broken.problem, "a module cannot be read");
    }
    if !loaded.is_empty() {
        let names: Vec<_> = loaded.entries().iter().map(|entry| entry.module.name()).collect();
        tracing::info!(pipeline = names.join(","), "modules run");
    }
    Ok(Arc::new(pipelines))
}

/// The modules that there are.
pub(super) fn sources(config: &Config) -> ModuleSources {
    ModuleSources {
        built_in: config.built_in.clone(),
        loaders: vec![Arc::new(ScriptLoader::new(config.scripts.clone()))],
        folder: config.modules_dir.clone(),
    }
}

/// Whether the pipeline of that configuration could run. No module is started.
pub(super) async fn check_own(config: &Config) -> anyhow::Result<()> {
    let sources = sources(config);
    let checked = async {
        let spec = config.pipeline.read()?;
        Ok::<_, LoadError>(sources.check(&sources.discover().await?, &spec).await?)
    };
    checked.await.context(CANNOT_RUN)
}

/// Whether the pipelines that a bundle gives to keys could run here.
pub(super) async fn check(config: &Config, bundle: &Bundle) -> anyhow::Result<()> {
    let sources = sources(config);
    let discovered = sources.discover().await?;
    for (key, text) in bundle.pipelines() {
        let spec = PipelineSpec::parse(&format!("pipeline of {key}"), text)?;
        sources.check(&discovered, &spec).await?;
    }
    Ok(())
}

/// Makes the pipelines again when one of their files has changed, and on SIGHUP. What cannot be made is said, and the
/// ones that run stay.
pub(super) async fn reload_on_change(pipelines: Arc<LivePipelines>, mut hangup: Signal) {
    let mut known = pipelines.fingerprint();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = look.tick() => false,
            _ = hangup.recv() => true,
        };
        let seen = pipelines.fingerprint();
        if !asked && seen == known {
            continue;
        }
        match pipelines.reload().await {
            Ok(()) => tracing::info!("modules were loaded again"),
            Err(error) => {
                tracing::error!(%error, "modules could not be loaded again: those that run go on as they are");
            }
        }
        // a file that was saved meanwhile is seen next time
        known = seen;
    }
}
