//! What runs scripts, behind one trait: everything else here would be the same with another engine.
//!
//! An engine runs the prelude, whose entries the host calls, and the files of one module. Scripts reach the host in
//! one way, [`Host::call`]. Between two calls of [`Engine::enter`] nothing runs: what a script waits for comes in
//! as a further call.

mod quickjs;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use quickjs::QuickJs;

/// A value that crosses between scripts and the host. What has structure crosses as its JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `undefined`.
    Nothing,
    /// `null`.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A `Uint8Array`.
    Bytes(Vec<u8>),
}

/// One isolated place where scripts run, on one thread at a time.
pub(crate) trait Engine: Send {
    /// Calls an entry of the prelude, and then all that follows from it at once.
    fn enter(&mut self, entry: &str, arguments: &[Value]) -> Stretch;

    /// How many bytes its scripts use.
    fn used_memory(&self) -> usize;

    /// Frees what only hangs together in circles.
    fn collect_garbage(&mut self);
}

/// What came of a stretch of work.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// Why it was ended before its end.
    pub(crate) cut: Option<Cut>,
    /// What was thrown and caught by nobody, the prelude included.
    pub(crate) thrown: Option<Thrown>,
    /// Promises that were rejected, and nobody looked.
    pub(crate) unhandled: Vec<Thrown>,
    /// How long it took, if it was a long one.
    pub(crate) long: Option<Duration>,
}

/// Why a stretch was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It took too long without giving way to others.
    Time,
    /// It used too much memory.
    Memory,
}

/// What a script threw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Thrown {
    /// What it says.
    pub(crate) message: String,
    /// The engine's list of places, the innermost first.
    pub(crate) stack: String,
}

/// How much a script may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes.
    pub(crate) memory: usize,
    /// Time of the processor between two moments at which it gives way.
    pub(crate) stretch: Duration,
    /// How much of that is a short stretch still.
    pub(crate) short: Duration,
}

/// What scripts can reach.
pub(crate) trait Host: Send + Sync {
    /// Does `operation`.
    fn call(&self, operation: &str, arguments: &[Value]) -> Result<Value, Failure>;

    /// The name of what `importer` imports as `specifier`.
    fn resolve(&self, importer: &str, specifier: &str) -> Result<String, String>;

    /// The code of that name.
    fn code(&self, name: &str) -> Option<String>;

    /// Told once in a stretch that is no short one any more, in the middle of it.
    fn is_long(&self);
}

/// An operation that was not done: an error in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What kind of error a script sees, such as `TypeError`.
    pub(crate) name: &'static str,
    /// What was expected and what came.
    pub(crate) message: String,
    /// A code, where there is one.
    pub(crate) code: Option<String>,
    /// Whether the storage was away.
    pub(crate) is_storage: bool,
}

impl Failure {
    /// A plain error.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { name: "Error", message: message.into(), code: None, is_storage: false }
    }

    /// The script did not use it right.
    pub(crate) fn of_type(message: impl Into<String>) -> Self {
        Self { name: "TypeError", ..Self::new(message) }
    }
}

/// An engine whose scripts reach `host`, with the prelude run.
pub(crate) fn start(host: &Arc<dyn Host>, limits: Limits) -> Result<Box<dyn Engine>, String> {
    Ok(Box::new(QuickJs::start(host, limits)?))
}
