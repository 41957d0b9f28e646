//! Finds the modules in a folder.
//!
//! A module is a file `NAME.ts` (or `.mts`, `.js`, `.mjs`) or a folder with such an `index`. Files that only others
//! import export no module, and are passed over.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BuildError, ModuleSources};
use crate::grammar::ModuleName;
use crate::{Factory, Origin, Registry};

/// The modules that there are.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// Those that can be used.
    pub registry: Registry,
    /// Files that cannot be read as modules.
    pub broken: Vec<Broken>,
}

/// A file that cannot be read as a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and where.
    pub problem: String,
}

/// How alike two names must be to be called near (Jaro-Winkler, 0 to 1).
const NEARNESS: f64 = 0.8;

impl Discovered {
    /// Those that a file has.
    pub(super) fn of_file(&self, path: &Path) -> Vec<Arc<dyn Factory>> {
        let wanted = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let is_of = |factory: &&Arc<dyn Factory>| match factory.origin() {
            Origin::File(file) => std::path::absolute(&file).unwrap_or(file) == wanted,
            Origin::BuiltIn => false,
        };
        self.registry.iter().filter(is_of).cloned().collect()
    }

    /// The sentence for a name that nobody has.
    pub(super) fn unknown(&self, name: &str) -> String {
        let known =
            self.registry.iter().map(|factory| (strsim::jaro_winkler(name, factory.name()), factory.name()));
        let nearest =
            known.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|(score, _)| *score >= NEARNESS);
        let broken = self.broken.iter().find(|broken| broken.path.to_string_lossy().contains(name));
        match (broken, nearest) {
            (Some(broken), _) => format!("module `{name}` cannot be read: {}", broken.problem),
            (None, Some((_, near))) => format!("there is no module `{name}`: did you mean `{near}`?"),
            (None, None) => {
                let names: Vec<_> =
                    self.registry.iter().map(|factory| format!("`{}`", factory.name())).collect();
                format!("there is no module `{name}`: there are {}", names.join(", "))
            }
        }
    }
}

impl ModuleSources {
    /// Looks which modules there are. A file that cannot be read is no error until a pipeline asks for it.
    pub async fn discover(&self) -> Result<Discovered, BuildError> {
        let mut discovered = Discovered { registry: self.built_in.clone(), broken: Vec::new() };
        for path in self.files()? {
            let Some(loader) = self.loaders.iter().find(|loader| loader.takes(&path)) else {
                continue;
            };
            match loader.load(&path).await {
                Ok(factories) => {
                    for factory in factories {
                        discovered.registry.add(factory)?;
                    }
                }
                Err(problem) => discovered.broken.push(Broken { path, problem }),
            }
        }
        Ok(discovered)
    }

    /// Every file that modules in the folder are made of: a change of one is a reason to look again.
    pub fn files_of_all(&self) -> Vec<PathBuf> {
        let files = self.files().unwrap_or_default();
        let loader = |path: &PathBuf| self.loaders.iter().find(|loader| loader.takes(path));
        files.iter().filter_map(|path| Some(loader(path)?.sources(path))).flatten().collect()
    }

    /// Every file that the module is made of which a pipeline names by its path.
    pub fn file_of(&self, module: &ModuleName) -> Option<Vec<PathBuf>> {
        let ModuleName::Path { path, .. } = module else { return None };
        let path = Path::new(path);
        Some(self.loaders.iter().find(|loader| loader.takes(path))?.sources(path))
    }

    fn files(&self) -> Result<Vec<PathBuf>, BuildError> {
        let folder = &self.folder;
        let failed = |error: std::io::Error| BuildError::Folder {
            path: folder.display().to_string(),
            problem: error.to_string(),
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            files.extend(self.module_at(&path));
        }
        files.sort();
        Ok(files)
    }

    /// The file of the module at `path`, if there is one.
    fn module_at(&self, path: &Path) -> Option<PathBuf> {
        let name = path.file_name()?.to_str()?;
        let is_hidden = name.starts_with(['.', '_']) || name == "node_modules";
        let is_beside = [".d.ts", ".d.mts", ".test.ts", ".test.mts", ".test.js", ".test.mjs"]
            .iter()
            .any(|ending| name.ends_with(ending));
        if is_hidden || is_beside {
            return None;
        }
        if !path.is_dir() {
            return self.loaders.iter().any(|loader| loader.takes(path)).then(|| path.to_owned());
        }
        let index = |extension: &str| path.join(format!("index.{extension}"));
        ["ts", "mts", "js", "mjs"].iter().map(|extension| index(extension)).find(|index| index.is_file())
    }
}
