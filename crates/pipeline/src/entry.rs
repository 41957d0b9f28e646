//! A pipeline: modules in the order in which they run.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use penstock_storage::StorageAdapter;

use crate::{Hook, HookError, Module, Origin};

/// A module of a pipeline, with what its configuration says of it.
#[derive(Debug)]
pub struct Entry {
    /// The module.
    pub module: Arc<dyn Module>,
    /// Where it is from.
    pub origin: Origin,
    /// Its storage: the gateway's own, or a namespace in it.
    pub storage: StorageAdapter,
    /// How long a hook may take, where the configuration says so.
    pub time_budget: Option<Duration>,
    /// Why it does not run, if it does not.
    trouble: ArcSwapOption<HookError>,
}

/// How long a hook may take, unless the module or its configuration says otherwise.
const HOOK_TIME: Duration = Duration::from_secs(5);
const INIT_TIME: Duration = Duration::from_mins(1);

impl Entry {
    /// This module, which has started or is about to.
    pub fn new(
        module: Arc<dyn Module>,
        origin: Origin,
        storage: StorageAdapter,
        time_budget: Option<Duration>,
    ) -> Self {
        Self { module, origin, storage, time_budget, trouble: ArcSwapOption::empty() }
    }

    /// How long `hook` may take.
    pub fn budget(&self, hook: Hook) -> Duration {
        let configured = self.time_budget.filter(|_| hook != Hook::Init);
        let usual = if hook == Hook::Init { INIT_TIME } else { HOOK_TIME };
        configured.or_else(|| self.module.time_budget(hook)).unwrap_or(usual)
    }

    /// Why the module does not run, if it does not: its `init` has failed.
    pub fn trouble(&self) -> Option<Arc<HookError>> {
        self.trouble.load_full()
    }

    pub(crate) fn set_trouble(&self, trouble: Option<HookError>) {
        self.trouble.store(trouble.map(Arc::new));
    }
}

/// Modules in the order in which they run. It never changes; a reload makes another one.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own to the modules")]
pub struct Pipeline {
    entries: Vec<Arc<Entry>>,
    /// For each entry, whether no header may leave it out.
    required: Vec<bool>,
    reads_response: bool,
    streams: bool,
    edits_stream: bool,
    posts: bool,
}

impl Pipeline {
    /// These modules in this order, each with whether no header may leave it out.
    pub fn new(entries: Vec<Arc<Entry>>, required: Vec<bool>) -> Self {
        let any = |what: &dyn Fn(&dyn Module) -> bool| entries.iter().any(|entry| what(&*entry.module));
        Self {
            reads_response: any(&|module| module.hooks().has(Hook::Post) && module.reads().response),
            streams: any(&|module| module.hooks().has(Hook::Stream)),
            edits_stream: any(&|module| module.hooks().has(Hook::Stream) && module.edits().stream),
            posts: any(&|module| module.hooks().has(Hook::Post)),
            entries,
            required,
        }
    }

    /// The modules.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// Those that are required, in their own order, and behind them the modules of these names in theirs: one that
    /// answers must not come before one that everybody has to pass. An error is the name that is not here.
    pub fn choose<'a>(&self, names: &[&'a str], available: &Self) -> Result<Self, &'a str> {
        let find = |name: &&'a str| {
            let here = self.entries.iter().chain(&available.entries);
            let found = here.into_iter().find(|entry| entry.module.name() == *name);
            found.cloned().ok_or(*name)
        };
        let chosen = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let pairs = self.entries.iter().zip(&self.required);
        let mut entries: Vec<_> =
            pairs.filter(|(_, required)| **required).map(|(entry, _)| Arc::clone(entry)).collect();
        let first = entries.len();
        for entry in chosen {
            if !entries.iter().any(|other| Arc::ptr_eq(other, &entry)) {
                entries.push(entry);
            }
        }
        let required = (0..entries.len()).map(|index| index < first).collect();
        Ok(Self::new(entries, required))
    }

    /// Whether a module of it may not be left out.
    pub fn is_required(&self, entry: &Arc<Entry>) -> bool {
        self.entries.iter().zip(&self.required).any(|(own, required)| *required && Arc::ptr_eq(own, entry))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a `post` wants to read what was answered: it has to be kept until then.
    pub const fn reads_response(&self) -> bool {
        self.reads_response
    }

    /// Whether a module sees the pieces of a stream: they have to be decoded.
    pub const fn has_stream(&self) -> bool {
        self.streams
    }

    /// Whether a module may change them: they have to be encoded again.
    pub const fn edits_stream(&self) -> bool {
        self.edits_stream
    }

    /// Whether there is anything to do after the answer.
    pub const fn has_post(&self) -> bool {
        self.posts
    }
}
