//! From a written pipeline to one that runs.

mod discover;
mod start;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use penstock_storage::StorageAdapter;
use tokio::sync::Mutex;

use crate::grammar::{At, ModuleName, PipelineSpec, SpecEntry};
use crate::registry::NameClash;
use crate::{Entry, Factory, Loader, Pipeline, Registry};

pub use discover::{Broken, Discovered};

/// Why a pipeline cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An entry of it is wrong.
    #[error("{place}: {problem}")]
    Entry {
        /// Where it is written: source, line, entry.
        place: String,
        /// What was expected and what came.
        problem: String,
    },
    /// Two modules have one name.
    #[error(transparent)]
    Clash(#[from] NameClash),
    /// The folder of modules cannot be read.
    #[error("the folder of modules {path} cannot be read: {problem}")]
    Folder {
        /// The folder.
        path: String,
        /// What the system says.
        problem: String,
    },
}

/// Where modules come from.
#[derive(Debug)]
pub struct ModuleSources {
    /// Those of this program.
    pub built_in: Registry,
    /// Those that read files.
    pub loaders: Vec<Arc<dyn Loader>>,
    /// Where files of modules are; it need not be there.
    pub folder: PathBuf,
}

/// Makes pipelines. A module is made once for each configuration, however many pipelines have it.
#[derive(Debug)]
pub struct Modules {
    sources: ModuleSources,
    /// Where modules keep their state.
    storage: StorageAdapter,
    made: Mutex<HashMap<Key, Weak<Entry>>>,
}

/// What tells instances apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    origin: String,
    revision: String,
    config: String,
    isolate: bool,
    timeout: Option<std::time::Duration>,
}

impl Modules {
    /// Pipelines of these modules, which keep their state there.
    pub fn new(sources: ModuleSources, storage: StorageAdapter) -> Self {
        Self { sources, storage, made: Mutex::default() }
    }

    /// Where they come from.
    pub const fn sources(&self) -> &ModuleSources {
        &self.sources
    }

    /// The modules that `spec` asks for, ready to run: each is made, its tables are there, its `init` has run.
    pub async fn build(&self, discovered: &Discovered, spec: &PipelineSpec) -> Result<Pipeline, BuildError> {
        let mut entries: Vec<Arc<Entry>> = Vec::with_capacity(spec.entries.len());
        for written in &spec.entries {
            let refused = |problem: String| BuildError::Entry { place: spec.place(written.at), problem };
            let entry = self.entry(discovered, written).await.map_err(refused)?;
            let name = entry.module.name();
            if entries.iter().any(|other| other.module.name() == name) {
                return Err(refused(format!("module `{name}` is here twice")));
            }
            entries.push(entry);
        }
        let required = spec.entries.iter().map(|written| written.required).collect();
        Ok(Pipeline::new(entries, required))
    }

    async fn entry(&self, discovered: &Discovered, written: &SpecEntry) -> Result<Arc<Entry>, String> {
        let factory = self.sources.factory(discovered, &written.module).await?;
        let key = Key {
            name: factory.name().to_owned(),
            origin: factory.origin().to_string(),
            revision: factory.revision().to_owned(),
            config: written.config.to_string(),
            isolate: written.isolate,
            timeout: written.timeout,
        };
        // held while a module starts: two builds of one pipeline start it once
        let mut made = self.made.lock().await;
        // one that could not start is given another chance
        let known = made.get(&key).and_then(Weak::upgrade).filter(|entry| entry.trouble().is_none());
        if let Some(entry) = known {
            return Ok(entry);
        }
        let entry = self.start(&*factory, written).await?;
        made.retain(|_, entry| entry.strong_count() > 0);
        made.insert(key, Arc::downgrade(&entry));
        Ok(entry)
    }
}

impl ModuleSources {
    /// Whether `spec` could run: every module is there and takes its configuration. Nothing is started.
    pub async fn check(&self, discovered: &Discovered, spec: &PipelineSpec) -> Result<(), BuildError> {
        for written in spec.entries.iter().chain(&spec.available) {
            let made = match self.factory(discovered, &written.module).await {
                Ok(factory) => factory.make(&written.config).await.map(drop),
                Err(problem) => Err(problem),
            };
            made.map_err(|problem| BuildError::Entry { place: spec.place(written.at), problem })?;
        }
        Ok(())
    }

    async fn factory(
        &self,
        discovered: &Discovered,
        module: &ModuleName,
    ) -> Result<Arc<dyn Factory>, String> {
        match module {
            ModuleName::Name(name) => {
                let found = discovered.registry.get(name).cloned();
                found.ok_or_else(|| discovered.unknown(name))
            }
            ModuleName::Path { path, name } => self.at_path(discovered, path, name.as_deref()).await,
        }
    }

    /// The module in a file that the pipeline names.
    async fn at_path(
        &self,
        discovered: &Discovered,
        path: &str,
        name: Option<&str>,
    ) -> Result<Arc<dyn Factory>, String> {
        let file = Path::new(path);
        let loader = self.loaders.iter().find(|loader| loader.takes(file));
        let loader = loader
            .ok_or_else(|| format!("expected a file of modules (.ts, .mts, .js, .mjs), found `{path}`"))?;
        let known = discovered.of_file(file);
        let mut factories = if known.is_empty() { loader.load(file).await? } else { known };
        if let Some(name) = name {
            factories.retain(|factory| factory.name() == name);
        }
        let names =
            || factories.iter().map(|factory| format!("`{path}#{}`", factory.name())).collect::<Vec<_>>();
        let factory = match factories.as_slice() {
            [factory] => factory,
            [] => return Err(format!("there is no module `{}` in {path}", name.unwrap_or_default())),
            _ => {
                return Err(format!(
                    "there are several modules in {path}: expected one of {}",
                    names().join(", ")
                ));
            }
        };
        match discovered.registry.get(factory.name()) {
            Some(other) if other.origin() != factory.origin() => Err(NameClash {
                name: factory.name().to_owned(),
                first: other.origin().to_string(),
                second: factory.origin().to_string(),
            }
            .to_string()),
            _ => Ok(Arc::clone(factory)),
        }
    }
}

impl SpecEntry {
    /// Where it is.
    pub const fn at(&self) -> At {
        self.at
    }
}

#[cfg(test)]
mod tests;
