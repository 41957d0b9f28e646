//! The pipelines that run now, and their replacement while requests are on their way.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use penstock_pipeline::grammar::{GrammarError, ModuleName};
use penstock_pipeline::{BuildError, Discovered, Modules, Pipeline, PipelineSpec};
use tokio::sync::Mutex;

use crate::GatewayError;

/// Where the gateway's pipeline is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecSource {
    /// Nowhere: it is empty.
    None,
    /// In a setting.
    Text {
        /// The setting's name, for errors.
        name: String,
        /// The pipeline.
        text: String,
    },
    /// In a file, which is read again by each reload.
    File(PathBuf),
}

impl SpecSource {
    /// The pipeline that is written there now.
    pub fn read(&self) -> Result<PipelineSpec, LoadError> {
        Ok(match self {
            Self::None => PipelineSpec::default(),
            Self::Text { name, text } => PipelineSpec::parse(name, text)?,
            Self::File(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| LoadError::File { path: name.clone(), problem: error.to_string() })?;
                PipelineSpec::parse(&name, &text)?
            }
        })
    }
}

/// Where a key's pipeline stands, for errors.
const OF_KEY: &str = "pipeline";

/// What is decided about pipelines at start.
#[derive(Debug)]
pub struct PipelineOptions {
    /// The gateway's pipeline.
    pub source: SpecSource,
    /// Whether a header may choose among the configured modules.
    pub allow_header: bool,
}

/// Why pipelines cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the pipeline file {path} cannot be read: {problem}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        problem: String,
    },
    /// It is no pipeline.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// It cannot run.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// The pipelines that run now.
#[derive(Debug)]
pub struct LivePipelines {
    modules: Modules,
    options: PipelineOptions,
    loaded: ArcSwap<Loaded>,
    /// Those that keys have, by their text.
    own: Mutex<HashMap<String, Arc<Pipeline>>>,
}

#[derive(Debug, Default)]
struct Loaded {
    discovered: Discovered,
    /// The gateway's pipeline.
    pipeline: Arc<Pipeline>,
    /// Further modules that a header may choose.
    available: Pipeline,
    /// Files that the pipeline names.
    files: Vec<PathBuf>,
}

/// What a reload looks at to see whether anything is new.
pub type Fingerprint = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

impl LivePipelines {
    /// Loads what there is. An error here is a reason not to start.
    pub async fn load(modules: Modules, options: PipelineOptions) -> Result<Self, LoadError> {
        let loaded = ArcSwap::from_pointee(Loaded::default());
        let live = Self { modules, options, loaded, own: Mutex::default() };
        live.reload().await?;
        Ok(live)
    }

    /// No modules at all.
    pub fn none(modules: Modules) -> Self {
        let options = PipelineOptions { source: SpecSource::None, allow_header: false };
        Self { modules, options, loaded: ArcSwap::default(), own: Mutex::default() }
    }

    /// Loads what there is now. Requests on their way keep the modules they have; on an error everybody does.
    pub async fn reload(&self) -> Result<(), LoadError> {
        let spec = self.options.source.read()?;
        let discovered = self.modules.sources().discover().await.map_err(LoadError::Build)?;
        let pipeline = Arc::new(self.modules.build(&discovered, &spec).await?);
        let named = spec.entries.iter().chain(&spec.available);
        let files =
            named.filter_map(|entry| self.modules.sources().file_of(&entry.module)).flatten().collect();
        let available = PipelineSpec { source: spec.source, entries: spec.available, available: Vec::new() };
        let available = self.modules.build(&discovered, &available).await?;
        // a key's pipeline is made again when it is asked for
        let mut own = self.own.lock().await;
        self.loaded.store(Arc::new(Loaded { discovered, pipeline, available, files }));
        own.clear();
        Ok(())
    }

    /// The gateway's pipeline.
    pub fn current(&self) -> Arc<Pipeline> {
        Arc::clone(&self.loaded.load().pipeline)
    }

    /// The modules that there are, used or not.
    pub fn discovered(&self) -> Discovered {
        self.loaded.load().discovered.clone()
    }

    /// Whether a header may choose among the configured modules.
    pub(super) const fn allows_header(&self) -> bool {
        self.options.allow_header
    }

    /// The pipeline that a key has.
    pub(super) async fn of_key(&self, text: &str) -> Result<Arc<Pipeline>, LoadError> {
        if let Some(known) = self.own.lock().await.get(text) {
            return Ok(Arc::clone(known));
        }
        let spec = PipelineSpec::parse(OF_KEY, text)?;
        let loaded = self.loaded.load_full();
        let made = Arc::new(self.modules.build(&loaded.discovered, &spec).await?);
        self.own.lock().await.insert(text.to_owned(), Arc::clone(&made));
        Ok(made)
    }

    /// Whether the pipeline that `text` is could run, for whoever is about to give it to a key.
    pub async fn check(&self, text: &str) -> Result<(), LoadError> {
        let spec = PipelineSpec::parse(OF_KEY, text)?;
        let loaded = self.loaded.load_full();
        Ok(self.modules.sources().check(&loaded.discovered, &spec).await?)
    }

    /// The configured modules that a header names, with those that nobody may leave out.
    pub(super) fn chosen(&self, header: &str, text: &str) -> Result<Pipeline, GatewayError> {
        let refused = |message: String| GatewayError::invalid(message);
        let spec = PipelineSpec::names(header, text).map_err(|error| refused(error.to_string()))?;
        let loaded = self.loaded.load();
        let mut names = Vec::with_capacity(spec.entries.len());
        for entry in &spec.entries {
            match &entry.module {
                ModuleName::Name(name) => names.push(name.as_str()),
                other @ ModuleName::Path { .. } => {
                    let place = spec.place(entry.at);
                    return Err(refused(format!(
                        "{place}: a header chooses modules by name alone, found `{other}`"
                    )));
                }
            }
        }
        loaded.pipeline.choose(&names, &loaded.available).map_err(|name| {
            let entries = loaded.pipeline.entries().iter().chain(loaded.available.entries());
            let known: Vec<_> = entries.map(|entry| format!("`{}`", entry.module.name())).collect();
            let known = if known.is_empty() { "none is".to_owned() } else { known.join(", ") };
            refused(format!("{header}: module `{name}` is not configured here: {known} configured"))
        })
    }

    /// How the files look that pipelines are made of.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut files = self.modules.sources().files_of_all();
        files.extend(self.loaded.load().files.iter().cloned());
        if let SpecSource::File(path) = &self.options.source {
            files.push(path.clone());
        }
        let look = |path: PathBuf| {
            let seen =
                std::fs::metadata(&path).ok().and_then(|file| Some((file.modified().ok()?, file.len())));
            (path, seen)
        };
        files.into_iter().map(look).collect()
    }
}
