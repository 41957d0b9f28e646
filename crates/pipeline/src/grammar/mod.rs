//! How pipelines are written: a comma list, or YAML.
//!
//! ```text
//! cost-guard,exact-cache
//! ```
//!
//! ```yaml
//! pipeline:                       # or the list alone
//!   - cost-guard: { perDay: 5 }
//!   - module: exact-cache
//!     config: { ttlSeconds: 600 }
//!     required: true
//!   - ./modules/mine.ts
//! ```
//!
//! Beside `pipeline`, `available` lists modules that do not run unless a header asks for them. `none` is the empty
//! pipeline. What a name stands for is not known here; see [`Modules`](crate::Modules).

mod yaml;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A pipeline as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineSpec {
    /// Where it is written: a file, a variable, a header.
    pub source: String,
    /// Its modules in order.
    pub entries: Vec<SpecEntry>,
    /// Further modules that a header may choose.
    pub available: Vec<SpecEntry>,
}

/// A module of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpecEntry {
    /// The module.
    pub module: ModuleName,
    /// Its configuration; `null` if there is none.
    pub config: Value,
    /// Whether no header may leave it out.
    pub required: bool,
    /// Whether it has a namespace of its own in the storage.
    pub isolate: bool,
    /// How long each of its hooks may take.
    pub timeout: Option<Duration>,
    /// Which of the list it is, from 1, and its line where it is in lines.
    pub at: At,
}

/// What an entry calls its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleName {
    /// Its name.
    Name(String),
    /// A file, and the module in it where the file has several: `./mine.ts#name`.
    Path {
        /// The file.
        path: String,
        /// The module's name.
        name: Option<String>,
    },
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Path { path, name: None } => f.write_str(path),
            Self::Path { path, name: Some(name) } => write!(f, "{path}#{name}"),
        }
    }
}

/// Where in a pipeline something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// Which entry, from 1; 0 is none.
    pub entry: usize,
    /// Which line, from 1; 0 is none.
    pub line: usize,
}

/// A text that is no pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", place(source_name, *at))]
pub struct GrammarError {
    /// Where it is written.
    pub source_name: String,
    /// Where in it.
    pub at: At,
    /// What was expected and what came.
    pub problem: String,
}

/// `pipeline.yaml:3, entry 2`.
pub(crate) fn place(source: &str, at: At) -> String {
    let line = if at.line > 0 { format!(":{}", at.line) } else { String::new() };
    let entry = if at.entry > 0 { format!(", entry {}", at.entry) } else { String::new() };
    format!("{source}{line}{entry}")
}

/// What the empty pipeline is called.
pub const NONE: &str = "none";

/// More modules than anyone runs; a longer list is not looked at.
const MOST: usize = 64;

impl PipelineSpec {
    /// Reads the names in a header: a comma list, since a stranger may have written it.
    pub fn names(source: &str, text: &str) -> Result<Self, GrammarError> {
        let refused = |(at, problem)| GrammarError { source_name: source.to_owned(), at, problem };
        let entries = list(text).map_err(refused)?;
        let (entries, available) = unique((entries, Vec::new())).map_err(refused)?;
        Ok(Self { source: source.to_owned(), entries, available })
    }

    /// Reads `text`, which stands in `source`.
    pub fn parse(source: &str, text: &str) -> Result<Self, GrammarError> {
        let read =
            if is_yaml(text) { yaml::read(text) } else { list(text).map(|entries| (entries, Vec::new())) };
        let (entries, available) = read.and_then(unique).map_err(|(at, problem)| GrammarError {
            source_name: source.to_owned(),
            at,
            problem,
        })?;
        Ok(Self { source: source.to_owned(), entries, available })
    }

    /// Where `at` is, in words.
    pub fn place(&self, at: At) -> String {
        place(&self.source, at)
    }
}

type Problem = (At, String);

/// Anything that a comma list cannot be.
fn is_yaml(text: &str) -> bool {
    let text = text.trim();
    text.contains(['\n', '[', '{']) || text.starts_with("- ") || text.starts_with("pipeline:")
}

fn list(text: &str) -> Result<Vec<SpecEntry>, Problem> {
    if text.trim() == NONE {
        return Ok(Vec::new());
    }
    let named = |(index, name): (usize, &str)| {
        let at = At { entry: index + 1, line: 0 };
        module_name(name).map(|module| SpecEntry::of(module, at)).map_err(|problem| (at, problem))
    };
    if text.split(',').nth(MOST).is_some() {
        return Err((At::default(), format!("expected at most {MOST} modules, found more")));
    }
    text.split(',').enumerate().map(named).collect()
}

impl SpecEntry {
    fn of(module: ModuleName, at: At) -> Self {
        Self { module, config: Value::Null, required: false, isolate: false, timeout: None, at }
    }
}

/// What `text` calls.
fn module_name(text: &str) -> Result<ModuleName, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!(
            "expected a module's name or path, found nothing (the empty pipeline is `{NONE}`)"
        ));
    }
    if text == NONE {
        return Err(format!("expected a module's name or path, found `{NONE}`, which stands alone"));
    }
    let (path, name) = match text.split_once('#') {
        Some((path, name)) => (path, Some(name.to_owned())),
        None => (text, None),
    };
    let is_path = path.starts_with(['.', '/'])
        || [".ts", ".mts", ".js", ".mjs"].iter().any(|extension| path.ends_with(extension));
    if is_path {
        return Ok(ModuleName::Path { path: path.to_owned(), name });
    }
    let is_name =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '@' | '/' | ':');
    match text.chars().find(|letter| !is_name(*letter)) {
        Some(letter) => {
            Err(format!("expected a module's name or path, found {text:?}, with {letter:?} in it"))
        }
        None => Ok(ModuleName::Name(text.to_owned())),
    }
}

/// The modules that run, and those that may.
type Lists = (Vec<SpecEntry>, Vec<SpecEntry>);

/// A module is in a pipeline once.
fn unique((entries, available): Lists) -> Result<Lists, Problem> {
    let all: Vec<_> = entries.iter().chain(&available).collect();
    for (index, entry) in all.iter().enumerate() {
        if let Some(first) = all[..index].iter().find(|other| other.module == entry.module) {
            let problem =
                format!("module `{}` is here twice, first as entry {}", entry.module, first.at.entry);
            return Err((entry.at, problem));
        }
    }
    Ok((entries, available))
}

#[cfg(test)]
mod tests;
