//! What is sent to a thread of scripts.

use std::sync::Arc;

use penstock_pipeline::{Call, Hook, HookError, Metadata, Request, Response};
use penstock_storage::StorageAdapter;
use tokio::sync::oneshot;

use crate::engine::{Failure, Value};

/// What can happen to a thread of scripts.
pub(super) enum Event {
    /// Somebody wants something done.
    Call(Box<Incoming>),
    /// What a script has asked for is there.
    Done {
        /// Which engine asked: an answer for one that was replaced is nobody's.
        generation: u32,
        /// The number that the script gave it.
        operation: u32,
        /// The answer.
        answer: Result<Value, Failure>,
    },
    /// Nobody waits for the answer to this call any more.
    Gone(u32),
    /// There may be something to do: a timer was set, or the engine has to be replaced.
    Look,
    /// Nobody will call again.
    Stop,
}

impl Event {
    /// Whether whoever sends it may see to it, rather than the thread of the scripts: it is not what starts a module.
    pub(super) fn may_enter(&self) -> bool {
        match self {
            Self::Call(incoming) => matches!(incoming.work, Work::Hook { .. }),
            Self::Done { .. } => true,
            Self::Gone(_) | Self::Look | Self::Stop => false,
        }
    }
}

/// A call.
pub(super) struct Incoming {
    pub(super) id: u32,
    pub(super) work: Work,
    /// Who waits; nobody, if the thread itself does.
    pub(super) reply: Option<oneshot::Sender<Result<Outcome, HookError>>>,
}

/// What is to be done.
#[derive(Clone)]
pub(crate) enum Work {
    /// Read the file. With `probe` its factories are called without a configuration.
    Load {
        /// Whether to call the factories.
        probe: bool,
    },
    /// Call a factory.
    Make {
        /// The export.
        export: String,
        /// The configuration, as JSON.
        config: String,
    },
    /// Call `init`.
    Init {
        /// The module, by the number that it was given.
        instance: u32,
        /// Its storage.
        storage: StorageAdapter,
    },
    /// Call one of the other hooks.
    Hook {
        /// The module, by the number that it was given.
        instance: u32,
        /// Which one.
        hook: Hook,
        /// What it looks at.
        scope: Box<Scope>,
        /// A piece of a stream, as JSON.
        chunk: Option<String>,
    },
}

/// What a hook looks at. To copy it is cheap.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) module: Arc<str>,
    pub(crate) request: Request,
    pub(crate) metadata: Metadata,
    pub(crate) storage: StorageAdapter,
    pub(crate) call: Arc<Call>,
    /// The answer, and milliseconds since the request arrived.
    pub(crate) response: Option<(Response, f64)>,
}

/// What came of a call.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was returned, as JSON; `None` for what has none, such as `undefined`.
    pub(crate) returned: Option<String>,
    /// Whether what was returned is what was given.
    pub(crate) is_same: bool,
    /// The fields of the request that were changed, as JSON.
    pub(crate) edits: Option<String>,
    /// The metadata that was changed, as JSON.
    pub(crate) notes: Option<String>,
}
