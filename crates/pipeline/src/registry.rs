//! Which modules there are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::Module;

/// Makes modules of one kind.
#[async_trait]
pub trait Factory: fmt::Debug + Send + Sync {
    /// What a pipeline calls its modules.
    fn name(&self) -> &str;

    /// Where it is from.
    fn origin(&self) -> Origin;

    /// Changes whenever what it makes would: a file's digest. An instance of an older revision is replaced by a
    /// reload.
    #[expect(clippy::unnecessary_literal_bound, reason = "others have a text of their own")]
    fn revision(&self) -> &str {
        ""
    }

    /// A module of this configuration: `null` where there is none, else an object. Called once for each configuration
    /// that differs. An error names the field, what was expected and what came.
    async fn make(&self, config: &Value) -> Result<Arc<dyn Module>, String>;
}

/// Where a module is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is in this program.
    BuiltIn,
    /// It was read from this file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Reads modules from files.
#[async_trait]
pub trait Loader: fmt::Debug + Send + Sync {
    /// Whether files of this name are its own.
    fn takes(&self, path: &Path) -> bool;

    /// The modules in a file, at least one. An error says where in the file.
    async fn load(&self, path: &Path) -> Result<Vec<Arc<dyn Factory>>, String>;

    /// Every file that a loaded one is made of, itself included: when one of them changes, it is loaded again.
    fn sources(&self, path: &Path) -> Vec<PathBuf> {
        vec![path.to_owned()]
    }
}

/// The modules that there are, by name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    factories: Vec<Arc<dyn Factory>>,
}

/// Two modules have the same name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are two modules named {name:?}: {first} and {second}")]
pub struct NameClash {
    /// The name.
    pub name: String,
    /// Where one is from.
    pub first: String,
    /// Where the other is from.
    pub second: String,
}

impl Registry {
    /// Adds a module, whose name must not be taken.
    pub fn add(&mut self, factory: Arc<dyn Factory>) -> Result<(), NameClash> {
        if let Some(known) = self.get(factory.name()) {
            return Err(NameClash {
                name: factory.name().to_owned(),
                first: known.origin().to_string(),
                second: factory.origin().to_string(),
            });
        }
        self.factories.push(factory);
        Ok(())
    }

    /// The one of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Factory>> {
        self.factories.iter().find(|factory| factory.name() == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Factory>> {
        self.factories.iter()
    }
}
