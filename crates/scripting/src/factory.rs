//! The modules of a file, one factory each.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use penstock_pipeline::{Factory, Hook, Hooks, Module, OnFailure, Origin};
use penstock_storage::db::Migrations;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::host::{Runs, Work, Worker};
use crate::module::ScriptModule;
use crate::typescript::Sources;

/// A file that has been read, and the engine in which that was done.
#[derive(Debug)]
pub(crate) struct LoadedFile {
    pub(crate) path: PathBuf,
    pub(crate) sources: Arc<Sources>,
    pub(crate) runs: Runs,
    /// What the file is called in the log.
    pub(crate) name: String,
    /// Where its modules live that have no configuration.
    pub(crate) worker: Arc<Worker>,
}

/// What the prelude says of an export.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Export {
    #[serde(rename = "export")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) is_factory: bool,
    /// Why a factory made nothing without a configuration.
    pub(crate) problem: Option<String>,
    #[serde(flatten)]
    pub(crate) made: Option<Made>,
}

/// What the prelude says of a module.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    pub(crate) instance: u32,
    pub(crate) name: String,
    pub(crate) version: String,
    hooks: Vec<String>,
    on_failure: Option<String>,
    pub(crate) workers: Option<u32>,
    pub(crate) timeout_ms: Option<f64>,
}

impl Made {
    pub(crate) fn hooks(&self) -> Hooks {
        let has = |hook: &Hook| self.hooks.iter().any(|name| name == hook.as_str());
        Hooks::of(&Hook::ALL.into_iter().filter(has).collect::<Vec<_>>())
    }

    pub(crate) fn on_failure(&self) -> OnFailure {
        if self.on_failure.as_deref() == Some("closed") { OnFailure::Closed } else { OnFailure::Open }
    }
}

/// Makes the modules of one export.
#[derive(Debug)]
pub(crate) struct ScriptFactory {
    file: Arc<LoadedFile>,
    export: Export,
    name: String,
    made: Mutex<Vec<(Value, Weak<ScriptModule>)>>,
}

impl ScriptFactory {
    /// The factory for an export. One whose module has no name so far goes by that of its file.
    pub(crate) fn new(file: Arc<LoadedFile>, export: Export) -> Self {
        let name = export.made.as_ref().map_or_else(|| file.name.clone(), |made| made.name.clone());
        Self { file, export, name, made: Mutex::default() }
    }

    async fn instance(&self, config: &Value) -> Result<ScriptModule, String> {
        match (&self.export.made, config) {
            (Some(made), Value::Null) => self.shared(made.clone()).await,
            (_, config) if self.export.is_factory => self.configured(config).await,
            _ => Err(format!(
                "module `{}` takes no configuration: {} exports it as an object, not as a function that makes one",
                self.name,
                self.file.path.display()
            )),
        }
    }

    /// The module that was there when the file was read.
    async fn shared(&self, made: Made) -> Result<ScriptModule, String> {
        let mut workers = vec![(Arc::clone(&self.file.worker), made.instance)];
        for _ in 1..made.workers.unwrap_or(1) {
            let worker = self.worker()?;
            let read = self.ask(&worker, Work::Load { probe: true }).await?;
            let exports: Vec<Export> = parsed(&read)?;
            let same = exports.into_iter().find(|export| export.name == self.export.name);
            let made = same.and_then(|export| export.made);
            let made =
                made.ok_or_else(|| format!("export {} is not there a second time", self.export.name))?;
            workers.push((worker, made.instance));
        }
        self.module(made, workers)
    }

    /// A module of its own for this configuration.
    async fn configured(&self, config: &Value) -> Result<ScriptModule, String> {
        let (first, worker) = self.fresh(config).await?;
        let mut workers = vec![(worker, first.instance)];
        for _ in 1..first.workers.unwrap_or(1) {
            let (made, worker) = self.fresh(config).await?;
            workers.push((worker, made.instance));
        }
        self.module(first, workers)
    }

    async fn fresh(&self, config: &Value) -> Result<(Made, Arc<Worker>), String> {
        let worker = self.worker()?;
        self.ask(&worker, Work::Load { probe: false }).await?;
        let (export, config) = (self.export.name.clone(), config.to_string());
        let made = self.ask(&worker, Work::Make { export, config }).await?;
        Ok((parsed(&made)?, worker))
    }

    fn worker(&self) -> Result<Arc<Worker>, String> {
        Worker::start(&self.name, Arc::clone(&self.file.sources), &self.file.runs).map(Arc::new)
    }

    async fn ask(&self, worker: &Worker, work: Work) -> Result<String, String> {
        self.file.ask(worker, work).await.map_err(|problem| format!("module `{}`: {problem}", self.name))
    }

    fn module(&self, made: Made, workers: Vec<(Arc<Worker>, u32)>) -> Result<ScriptModule, String> {
        let folder = migrations_beside(&self.file.path);
        let migrations = folder.map(|folder| Migrations::read(&made.name, &folder)).transpose();
        let migrations = migrations.map_err(|error| error.to_string())?;
        Ok(ScriptModule::new(made, migrations, workers))
    }
}

impl LoadedFile {
    /// Has a worker do something that ends within the time for loading a file.
    pub(crate) async fn ask(&self, worker: &Worker, work: Work) -> Result<String, String> {
        let limit = self.runs.options.load;
        match tokio::time::timeout(limit, worker.call(work)).await {
            Ok(Ok(outcome)) => Ok(outcome.returned.unwrap_or_default()),
            Ok(Err(error)) => Err(match &error.place {
                Some(place) => format!("{place}: {}", error.message),
                None => format!("{}: {}", self.path.display(), error.message),
            }),
            Err(_) => {
                Err(format!("{}: it was not read within {} s", self.path.display(), limit.as_secs_f64()))
            }
        }
    }
}

pub(crate) fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("what it exports cannot be read: {error}"))
}

/// The folder of a module's migrations: `NAME.migrations`, or `migrations` where the folder is the module's own.
fn migrations_beside(file: &Path) -> Option<PathBuf> {
    let stem = file.file_stem()?.to_str()?;
    let own = file.with_file_name(format!("{stem}.migrations"));
    let folder = std::path::absolute(file).ok()?.parent()?.file_name()?.to_owned();
    let shared = (stem == "index" || folder == stem).then(|| file.with_file_name("migrations"));
    [Some(own), shared].into_iter().flatten().find(|folder| folder.is_dir())
}

#[async_trait]
impl Factory for ScriptFactory {
    fn name(&self) -> &str {
        &self.name
    }

    fn origin(&self) -> Origin {
        Origin::File(self.file.path.clone())
    }

    fn revision(&self) -> &str {
        self.file.sources.digest()
    }

    async fn make(&self, config: &Value) -> Result<Arc<dyn Module>, String> {
        // held while a module is made: two that ask for one configuration get the same
        let mut made = self.made.lock().await;
        made.retain(|(_, module)| module.strong_count() > 0);
        let known = made.iter().find(|(known, _)| known == config).and_then(|(_, module)| module.upgrade());
        if let Some(module) = known {
            return Ok(module);
        }
        let module = Arc::new(self.instance(config).await.map_err(|problem| match &self.export.problem {
            Some(first) if config.is_null() => {
                format!("{problem} (module `{}` needs a configuration: {first})", self.name)
            }
            _ => problem,
        })?);
        made.push((config.clone(), Arc::downgrade(&module)));
        Ok(module)
    }
}
