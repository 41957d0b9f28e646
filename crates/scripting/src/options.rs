//! How scripts are run.

use std::path::PathBuf;
use std::time::Duration;

/// How scripts are run.
#[derive(Clone, Debug)]
pub struct ScriptOptions {
    /// The folder of modules. A file in it may import what else is in it; a file elsewhere what is in its own folder.
    pub folder: PathBuf,
    /// How many bytes a module may use.
    pub memory: usize,
    /// How long a hook may compute without giving way, in time of the processor. A loop that never ends ends here.
    pub stretch: Duration,
    /// How long a file may take to load, its `await`s included.
    pub load: Duration,
    /// What `fetch` may do.
    pub fetch: FetchOptions,
}

/// What `fetch` may do.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Whom it may ask: `api.example.com`, `*.example.com`, `10.0.0.7:8080`. A host without a port is allowed on the
    /// usual ones.
    pub hosts: Vec<String>,
    /// How long one call may take.
    pub timeout: Duration,
    /// How large an answer may be, in bytes.
    pub limit: usize,
}

impl ScriptOptions {
    /// The usual limits for modules in this folder; `fetch` may ask nobody.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            memory: 64 << 20,
            stretch: Duration::from_millis(250),
            load: Duration::from_mins(1),
            fetch: FetchOptions { hosts: Vec::new(), timeout: Duration::from_secs(10), limit: 8 << 20 },
        }
    }
}
