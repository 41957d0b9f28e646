//! Reads modules from files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use penstock_pipeline::{Factory, Loader};

use crate::bindings::Fetcher;
use crate::factory::{Export, LoadedFile, ScriptFactory, parsed};
use crate::host::{Runs, Work, Worker};
use crate::options::ScriptOptions;
use crate::typescript::Sources;

/// Reads `.ts`, `.mts`, `.js` and `.mjs`.
#[derive(Debug)]
pub struct ScriptLoader {
    runs: Runs,
    /// What was read, by path: a file that has not changed is not run again.
    loaded: Mutex<HashMap<PathBuf, Loaded>>,
}

#[derive(Clone, Debug)]
struct Loaded {
    sources: Arc<Sources>,
    factories: Vec<Arc<dyn Factory>>,
}

impl ScriptLoader {
    /// A loader that runs scripts so.
    pub fn new(options: ScriptOptions) -> Self {
        let fetcher = Arc::new(Fetcher::new(options.fetch.clone()));
        Self { runs: Runs { options, fetcher }, loaded: Mutex::default() }
    }

    /// What a file may import from: the folder of modules, or its own, if it is elsewhere.
    fn root(&self, path: &Path) -> PathBuf {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = &self.runs.options.folder;
        if absolute(path).starts_with(absolute(folder)) {
            return folder.clone();
        }
        path.parent().unwrap_or(Path::new("")).to_owned()
    }

    fn known(&self, path: &Path) -> Option<Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    async fn read(&self, path: &Path, sources: Sources) -> Result<Loaded, String> {
        let sources = Arc::new(sources);
        let name = name_of(path);
        let worker = Arc::new(Worker::start(&name, Arc::clone(&sources), &self.runs)?);
        let (path, runs) = (path.to_owned(), self.runs.clone());
        let file = Arc::new(LoadedFile { path, sources: Arc::clone(&sources), runs, name, worker });
        let exports: Vec<Export> = parsed(&file.ask(&file.worker, Work::Load { probe: true }).await?)?;
        let factory = |export| Arc::new(ScriptFactory::new(Arc::clone(&file), export)) as Arc<dyn Factory>;
        Ok(Loaded { sources, factories: exports.into_iter().map(factory).collect() })
    }
}

#[async_trait]
impl Loader for ScriptLoader {
    fn takes(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["ts", "mts", "js", "mjs"].contains(&extension))
    }

    async fn load(&self, path: &Path) -> Result<Vec<Arc<dyn Factory>>, String> {
        let (file, root) = (path.to_owned(), self.root(path));
        let read = tokio::task::spawn_blocking(move || Sources::read(&file, &root)).await;
        let sources = read.map_err(|error| format!("{}: cannot be read: {error}", path.display()))??;
        if let Some(known) = self.known(path).filter(|known| known.sources.digest() == sources.digest()) {
            return Ok(known.factories);
        }
        let loaded = self.read(path, sources).await?;
        let factories = loaded.factories.clone();
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), loaded);
        Ok(factories)
    }

    fn sources(&self, path: &Path) -> Vec<PathBuf> {
        match self.known(path) {
            Some(known) => known.sources.paths().map(Path::to_owned).collect(),
            None => vec![path.to_owned()],
        }
    }
}

/// What a file is called: its name without the ending, or that of its folder.
fn name_of(path: &Path) -> String {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_default();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match text(absolute.parent().and_then(Path::file_name)) {
        Some(folder) if stem == "index" => folder,
        _ => stem,
    }
}
