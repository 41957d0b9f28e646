//! From files of TypeScript to what an engine runs.
//!
//! [`Sources::read`] follows the imports of a file, strips the types of all that it meets and keeps the way back from
//! each place in the result to one in the source. Types are not checked: that is the work of an editor.

mod map;
mod resolve;
mod strip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::bindings::hex_of;

use map::SourceMap;
use resolve::Resolved;
pub(crate) use resolve::is_built_in;
use strip::{Import, Stripped};

/// A file and all that it imports.
#[derive(Debug)]
pub(crate) struct Sources {
    entry: String,
    root: PathBuf,
    files: BTreeMap<String, Source>,
    digest: String,
}

/// One file.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// As it is named in errors.
    shown: String,
    code: String,
    map: SourceMap,
    /// What each of its imports is.
    imports: BTreeMap<String, String>,
}

/// How many files a module may be made of: more is a dependency that was never meant to be one.
const FILES: usize = 1_000;

impl Sources {
    /// Reads `entry` and all that it imports, from nowhere else than `root`. An error says where in which file.
    pub(crate) fn read(entry: &Path, root: &Path) -> Result<Self, String> {
        let shown = Shown::of(entry);
        let entry = resolve::clean(entry);
        let name = name_of(&entry);
        let (root, files) = (root.to_owned(), BTreeMap::new());
        let mut sources = Self { entry: name, root, files, digest: String::new() };
        let mut waiting = vec![(entry.clone(), shown.name(&entry))];
        let mut digest = Sha256::new();
        while let Some((path, file)) = waiting.pop() {
            if sources.files.len() == FILES {
                return Err(format!("{}: it imports more than {FILES} files", shown.name(&entry)));
            }
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{file}: cannot be read: {error}"))?;
            digest.update(file.as_bytes());
            digest.update(Sha256::digest(&text));
            let Stripped { code, map, imports } = strip::strip(&path, &file, &text)?;
            let (imports, found) = sources.follow(&path, &file, imports)?;
            let source = Source { path: path.clone(), shown: file, code, map, imports };
            sources.files.insert(name_of(&path), source);
            for path in found {
                if !sources.files.contains_key(&name_of(&path))
                    && !waiting.iter().any(|(other, _)| *other == path)
                {
                    let file = shown.name(&path);
                    waiting.push((path, file));
                }
            }
        }
        sources.digest = hex_of(&digest.finalize());
        Ok(sources)
    }

    /// What the imports of a file are: names for the engine, and the files among them.
    fn follow(
        &self,
        path: &Path,
        file: &str,
        imports: Vec<Import>,
    ) -> Result<(BTreeMap<String, String>, Vec<PathBuf>), String> {
        let (mut names, mut files) = (BTreeMap::new(), Vec::new());
        for Import { specifier, line, column } in imports {
            let resolved = resolve::resolve(path, &specifier, &self.root)
                .map_err(|problem| format!("{file}:{line}:{column}: {problem}"))?;
            let name = match resolved {
                Resolved::BuiltIn(name) => name.to_owned(),
                Resolved::File(found) => {
                    let name = name_of(&found);
                    files.push(found);
                    name
                }
            };
            names.insert(specifier, name);
        }
        Ok((names, files))
    }

    /// The engine's name of the first file.
    pub(crate) fn entry(&self) -> &str {
        &self.entry
    }

    /// Changes with any of the files.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// All files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.values().map(|source| &*source.path)
    }

    /// What `specifier` is in the file of that name.
    pub(crate) fn resolve(&self, importer: &str, specifier: &str) -> Result<String, String> {
        let Some(source) = self.files.get(importer) else {
            return Err(format!("cannot import `{specifier}`"));
        };
        source.imports.get(specifier).cloned().ok_or_else(|| {
            format!(
                "{}: expected `import()` of a name that stands there as it is, found one that is computed",
                source.shown
            )
        })
    }

    /// What the engine runs.
    pub(crate) fn code(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(|source| source.code.as_str())
    }

    /// The place in the source that was made into this one, both counting from 1.
    pub(crate) fn place(&self, name: &str, line: u32, column: u32) -> Option<penstock_pipeline::Place> {
        let source = self.files.get(name)?;
        let (line, column) = source.map.source_of(line, column);
        Some(penstock_pipeline::Place { file: source.shown.clone(), line, column })
    }
}

/// A file of this program without its types.
///
/// # Panics
///
/// If it is not sound, which a test would show.
pub(crate) fn strip_built_in(name: &str, text: &str) -> String {
    strip::strip(Path::new("built-in.ts"), name, text).expect("what is built in is sound").code
}

/// The engine's name of a file.
fn name_of(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// How files are named in errors: as the one was that all others hang on.
struct Shown {
    folder: PathBuf,
    prefix: PathBuf,
}

impl Shown {
    fn of(entry: &Path) -> Self {
        let prefix = entry.parent().unwrap_or(Path::new("")).to_owned();
        Self { folder: resolve::clean(&prefix), prefix }
    }

    fn name(&self, path: &Path) -> String {
        match resolve::clean(path).strip_prefix(&self.folder) {
            Ok(inside) => self.prefix.join(inside).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }
}
